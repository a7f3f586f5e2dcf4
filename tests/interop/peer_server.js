/*
 * peer_server.js: the service of echo.h by grpc-js.
 *
 * usage: node peer_server.js [--listen HOST:PORT] [--cert FILE --key FILE [--ca FILE]]
 */
'use strict';

const fs = require('fs');
const { Readable } = require('stream');
const grpc = require('@grpc/grpc-js');
const { parse } = require('./peer_flags.js');

const SERVICE = '/gmux.test.Echo/';
const { values: args } = parse('[--listen ADDRESS] [--cert FILE --key FILE [--ca FILE]]', {
  options: {
    listen: { type: 'string', default: '127.0.0.1:0' },
    cert: { type: 'string' },
    key: { type: 'string' },
    ca: { type: 'string' },
  },
});

function withPrefix(metadata, prefix) {
  const found = new grpc.Metadata();
  for (const key of Object.keys(metadata.getMap())) {
    if (!key.startsWith(prefix)) continue;
    for (const value of metadata.get(key)) found.add(key, value);
  }
  return found;
}

/* What every method does first; gives the trailers. */
function begin(call) {
  const initial = withPrefix(call.metadata, 'x-initial');
  if (Object.keys(initial.getMap()).length > 0) call.sendMetadata(initial);
  return withPrefix(call.metadata, 'x-trailing');
}

function pattern(index, size) {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (index + i) % 251).buffer);
}

/* A unary method by the function that makes its reply. */
const unary = (reply) => (call, callback) => {
  const trailers = begin(call);
  Promise.resolve(reply(call.request, call)).then((bytes) =>
    callback(null, Buffer.from(bytes), trailers));
};

function clientStream(call, callback) {
  const trailers = begin(call);
  const parts = [];
  call.on('data', (request) => parts.push(request, Buffer.from(',')));
  call.on('end', () => callback(null, Buffer.concat(parts.slice(0, -1)), trailers));
}

function serverStream(call) {
  const trailers = begin(call);
  const [count, size] = call.request.toString().split(' ').map(Number);
  const replies = Readable.from((function* () {
    for (let i = 0; i < count; i++) yield pattern(i, size);
  })());
  replies.pipe(call, { end: false });
  replies.on('end', () => call.end(trailers));
}

function bidi(call) {
  const trailers = begin(call);
  call.pipe(call, { end: false });
  call.on('end', () => call.end(trailers));
}

function statusOf(call) {
  const trailers = begin(call);
  const text = call.request.toString();
  for (const value of call.metadata.get('x-details-bin'))
    trailers.set('grpc-status-details-bin', value);
  const space = text.indexOf(' ');
  return { code: Number(text.slice(0, space)), details: text.slice(space + 1), metadata: trailers };
}

function statusLate(call) {
  call.write(call.request);
  call.emit('error', statusOf(call));
}

function early(call) {
  begin(call);
  call.once('data', () => call.emit('error', { code: grpc.status.ABORTED, details: 'enough' }));
}

/* By id: a promise that the Sleep is over, and the function that keeps it. */
const sleepers = new Map();

function sleeper(id) {
  if (!sleepers.has(id)) {
    const entry = {};
    entry.over = new Promise((resolve) => { entry.wake = resolve; });
    sleepers.set(id, entry);
  }
  return sleepers.get(id);
}

function sleep(call) {
  call.on('cancelled', sleeper(call.request.toString()).wake);
  call.sendMetadata(new grpc.Metadata());
}

async function ended(request) {
  await sleeper(request.toString()).over;
  return request;
}

function timeLeft(request, call) {
  const deadline = call.getDeadline();
  return deadline === Infinity ? 'none' : String(Math.floor(deadline - Date.now()));
}

function peerName(request, call) {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return certificate ? certificate.subject.CN : '';
}

const shutDown = () => server.tryShutdown((error) => process.exit(error ? 1 : 0));

/* node before 20 closes a session without the trailers of its last stream. There we say GOAWAY
 * alone, and close when no stream is left. Takes a look into the private parts of grpc-js, whose
 * version is pinned. */
function shutDownOldNode() {
  for (const session of server.sessions.keys()) session.goaway();
  whenIdle = () => setImmediate(shutDown);
  if (streams === 0) whenIdle();
}

let streams = 0;
let whenIdle = () => {};

function countStreams() {
  for (const http2Server of server.http2Servers.keys()) {
    http2Server.on('stream', (stream) => {
      streams++;
      stream.on('close', () => { if (--streams === 0) whenIdle(); });
    });
  }
}

const isOldNode = Number(process.versions.node.split('.')[0]) < 20;

function drain(request) {
  setImmediate(isOldNode ? shutDownOldNode : shutDown);
  return request;
}

const same = (bytes) => bytes;
const method = (name, requestStream, responseStream) => ({
  path: SERVICE + name,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

const server = new grpc.Server();
server.addService({
  unary: method('Unary', false, false),
  clientStream: method('ClientStream', true, false),
  serverStream: method('ServerStream', false, true),
  bidi: method('Bidi', true, true),
  status: method('Status', false, false),
  statusLate: method('StatusLate', false, true),
  early: method('Early', true, true),
  sleep: method('Sleep', false, true),
  ended: method('Ended', false, false),
  timeLeft: method('TimeLeft', false, false),
  peer: method('Peer', false, false),
  peerName: method('PeerName', false, false),
  drain: method('Drain', false, false),
}, {
  unary: unary(same),
  clientStream,
  serverStream,
  bidi,
  status: (call, callback) => callback(statusOf(call)),
  statusLate,
  early,
  sleep,
  ended: unary(ended),
  timeLeft: unary(timeLeft),
  peer: unary((request, call) => call.getPeer()),
  peerName: unary(peerName),
  drain: unary(drain),
});

const credentials = args.cert
  ? grpc.ServerCredentials.createSsl(
    args.ca ? fs.readFileSync(args.ca) : null,
    [{ private_key: fs.readFileSync(args.key), cert_chain: fs.readFileSync(args.cert) }],
    Boolean(args.ca))
  : grpc.ServerCredentials.createInsecure();
server.bindAsync(args.listen, credentials, (error, port) => {
  if (error) throw error;
  if (isOldNode) countStreams();
  console.log(`port: ${port}`);
});
