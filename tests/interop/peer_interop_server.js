/*
 * peer_interop_server.js: grpc.testing.TestService by grpc-js; flags as interop_server's.
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { setTimeout: sleep } = require('timers/promises');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { parseFlags } = require('./peer_flags.js');

/* Of compression it knows only how to read it: what expect_compressed and response_compressed say
 * is beyond it. */
const args = parseFlags({
  port: '0',
  host: '0.0.0.0',
  use_tls: 'false',
  tls_cert_file: '',
  tls_key_file: '',
  max_concurrent_streams_limit: '0',
});

const proto = path.join(__dirname, 'proto');
const { TestService } = grpc.loadPackageDefinition(loader.loadSync('grpc/testing/test.proto', {
  includeDirs: [proto], keepCase: true, defaults: true,
})).grpc.testing;

/* What every method does first; gives the trailers. */
function begin(call) {
  const pick = (key) => {
    const found = new grpc.Metadata();
    for (const value of call.metadata.get(key)) found.add(key, value);
    return found;
  };
  const initial = pick('x-grpc-test-echo-initial');
  if (Object.keys(initial.getMap()).length > 0) call.sendMetadata(initial);
  return pick('x-grpc-test-echo-trailing-bin');
}

/* The end that the request demands; null: none. */
function statusAskedFor(request, metadata) {
  const wanted = request.response_status;
  return wanted && wanted.code ? { code: wanted.code, details: wanted.message, metadata } : null;
}

const payload = (size) => ({ body: Buffer.alloc(size) });

function emptyCall(call, callback) {
  callback(null, {}, begin(call));
}

function unaryCall(call, callback) {
  const trailers = begin(call);
  const status = statusAskedFor(call.request, trailers);
  if (status) return callback(status);
  const response = { payload: payload(call.request.response_size) };
  if (call.request.fill_server_id) response.server_id = `grpc-js-${process.pid}`;
  return callback(null, response, trailers);
}

function streamingInputCall(call, callback) {
  const trailers = begin(call);
  let size = 0;
  call.on('data', (request) => {
    if (request.payload) size += request.payload.body.length;
  });
  call.on('end', () => callback(null, { aggregated_payload_size: size }, trailers));
}

async function respond(call, request) {
  for (const wanted of request.response_parameters) {
    if (wanted.interval_us > 0) await sleep(wanted.interval_us / 1000);
    const response = { payload: payload(wanted.size) };
    if (wanted.fill_peer_socket_address) response.peer_socket_address = call.getPeer();
    call.write(response);
  }
}

/* Answers the requests one after the other and ends; the first status that is demanded ends it. */
async function answer(call, requests) {
  const trailers = begin(call);
  for await (const request of requests) {
    const status = statusAskedFor(request, trailers);
    if (status) return call.emit('error', status);
    await respond(call, request);
  }
  return call.end(trailers);
}

/* A plain iteration would destroy the call at its end, and with it the answer. */
const requestsOf = (call) => call.iterator({ destroyOnReturn: false });

/* All of a stream's, when it is over. */
async function* collected(call) {
  const requests = [];
  for await (const request of requestsOf(call)) requests.push(request);
  yield* requests;
}

/* A client that gives up ends the iteration with an error, and nobody minds. */
const quietly = (promise) => promise.catch(() => {});

const options = { 'grpc.so_reuseport': 0 };
const limit = Number(args.max_concurrent_streams_limit);
if (limit > 0) options['grpc.max_concurrent_streams'] = limit;
const server = new grpc.Server(options);
server.addService(TestService.service, {
  EmptyCall: emptyCall,
  UnaryCall: unaryCall,
  StreamingInputCall: streamingInputCall,
  StreamingOutputCall: (call) => quietly(answer(call, [call.request])),
  FullDuplexCall: (call) => quietly(answer(call, requestsOf(call))),
  HalfDuplexCall: (call) => quietly(answer(call, collected(call))),
});

const credentials = args.use_tls === 'true'
  ? grpc.ServerCredentials.createSsl(null, [{
    private_key: fs.readFileSync(args.tls_key_file),
    cert_chain: fs.readFileSync(args.tls_cert_file),
  }])
  : grpc.ServerCredentials.createInsecure();
server.bindAsync(`${args.host}:${args.port}`, credentials, (error, port) => {
  if (error) throw error;
  console.log(`port: ${port}`);
});
process.on('SIGTERM', () => {
  server.tryShutdown(() => process.exit(0));
  setTimeout(() => server.forceShutdown(), 2000).unref();
});
