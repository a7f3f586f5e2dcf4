/*
 * peer_interop_client.js: gRPC's interop tests by grpc-js; flags and output as interop_client's.
 *
 * "limited CASE: WHY": as peer_interop_client.py says.
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { parseFlags, wrong } = require('./peer_flags.js');

const PATIENCE_MS = 20000 * Math.max(1, Number(process.env.GMUX_TEST_SLOW) || 1);
const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];
const INITIAL = ['x-grpc-test-echo-initial', 'test_initial_metadata_value'];
const TRAILING = ['x-grpc-test-echo-trailing-bin', Buffer.from([0xab, 0xab, 0xab])];
const NO_COMPRESS = 2; // a flag of a message
const SPECIAL =
  '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';

const args = parseFlags({
  server_host: 'localhost',
  server_port: '0',
  server_host_override: '',
  test_case: 'large_unary',
  use_tls: 'false',
  use_test_ca: 'false',
  ca_file: '',
  additional_metadata: '',
  soak_iterations: '10',
  soak_per_iteration_max_acceptable_latency_ms: '1000',
  soak_overall_timeout_seconds: '10',
  soak_request_size: '271828',
  soak_response_size: '314159',
});

const { TestService, UnimplementedService } = grpc.loadPackageDefinition(
  loader.loadSync('grpc/testing/test.proto', {
    includeDirs: [path.join(__dirname, 'proto')], keepCase: true, defaults: true,
  })).grpc.testing;

/* What grpc-js cannot do, and has just not done. */
class Limited extends Error {}

/* --additional_metadata: "K:V;K:V" with every call. */
const additional = args.additional_metadata.split(';').filter((pair) => pair !== '');
function adding(options, nextCall) {
  return new grpc.InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      for (const pair of additional) {
        const colon = pair.indexOf(':');
        metadata.add(pair.slice(0, colon), pair.slice(colon + 1));
      }
      next(metadata, listener);
    },
  });
}

/* A client, with connections of its own. */
function connect(Service, more = {}) {
  const options = { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1, ...more };
  if (additional.length > 0) options.interceptors = [adding];
  if (args.server_host_override)
    options['grpc.ssl_target_name_override'] = args.server_host_override;
  const credentials = args.use_tls === 'true'
    ? grpc.credentials.createSsl(fs.readFileSync(args.ca_file))
    : grpc.credentials.createInsecure();
  return new Service(`${args.server_host}:${args.server_port}`, credentials, options);
}
const client = connect(TestService);
const GZIP = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };

const payload = (size) => ({ body: Buffer.alloc(size) });
const patient = () => ({ deadline: Date.now() + PATIENCE_MS });
const largeRequest = (requestSize = 271828, responseSize = 314159) =>
  ({ payload: payload(requestSize), response_size: responseSize });
const outputRequest = (requestSize, ...sizes) =>
  ({ payload: payload(requestSize), response_parameters: sizes.map((size) => ({ size })) });

/* ---- calls ---- */

/* A promise of { response, call, initial, trailing }. */
function unary(method, request, { stub = client, metadata, options = patient() } = {}) {
  return new Promise((resolve, reject) => {
    const result = {};
    const call = stub[method](request, metadata || new grpc.Metadata(), options,
      (error, response) => {
        if (error) return reject(error);
        result.response = response;
        return undefined;
      });
    call.on('metadata', (initial) => { result.initial = initial; });
    call.on('status', (status) => {
      result.trailing = status.metadata;
      if (status.code === grpc.status.OK) resolve(result);
    });
  });
}

/* A call with responses, read one by one. */
class Stream {
  constructor(call) {
    this.call = call;
    this.status = new Promise((resolve) => call.once('status', resolve));
    this.initial = new Promise((resolve) => call.once('metadata', resolve));
    call.on('error', () => {}); // the status tells
    this.responses = call[Symbol.asyncIterator]();
  }

  async expectSize(size) {
    const { value } = await this.responses.next();
    assert(value, `the end came, ${size} bytes were wanted`);
    assert.strictEqual(value.payload.body.length, size);
  }

  async exchange(requestSize, responseSize) {
    this.call.write(outputRequest(requestSize, responseSize));
    await this.expectSize(responseSize);
  }

  /* No more is written, and it ends well. */
  async finish() {
    if (this.call.end) this.call.end();
    assert((await this.responses.next()).done, 'a message came instead of the end');
    assert.strictEqual((await this.status).code, grpc.status.OK);
  }
}

const duplex = (metadata = new grpc.Metadata(), options = patient()) =>
  new Stream(client.FullDuplexCall(metadata, options));

/* The promise is rejected with this status. */
async function fails(promise, code, details) {
  let error;
  try {
    await promise;
  } catch (e) {
    error = e;
  }
  assert(error, 'it went well, which was not wanted');
  assert.strictEqual(error.code, code, `code ${error.code} "${error.details}" came, not ${code}`);
  if (details !== undefined) assert.strictEqual(error.details, details);
}

const statusFails = (promise, code, details) =>
  fails(promise.then((status) => Promise.reject(status)), code, details);

/* ---- steps that cases share ---- */

function checkMetadata(initial, trailing) {
  assert.deepStrictEqual(initial.get(INITIAL[0]), [INITIAL[1]]);
  assert.deepStrictEqual(trailing.get(TRAILING[0]), [TRAILING[1]]);
}

const unaryStatus = (message) =>
  fails(unary('UnaryCall', { response_status: { code: 2, message } }), 2, message);

/* A response, compressed or not, as far as grpc-js shows how it came. */
async function whatIsSeen(compressed) {
  const request = { ...largeRequest(), response_compressed: { value: compressed } };
  const { response, initial, trailing } = await unary('UnaryCall', request);
  assert.strictEqual(response.payload.body.length, 314159);
  const { date, ...shown } = initial.getMap();
  return [shown, trailing.getMap()];
}

/* One request of a stream; the promise is kept when the next may follow. That it is not to be
 * compressed should be an argument of write(), but node takes that for a text's encoding. */
function writeInput(call, { size, says, compressed }) {
  const request = { payload: payload(size), expect_compressed: { value: says } };
  return new Promise((callback) => {
    if (compressed) call.write(request, callback);
    else call.call.sendMessageWithContext({ flags: NO_COMPRESS, callback }, request);
  });
}

function sendInput(stub, ...requests) {
  return new Promise((resolve, reject) => {
    const call = stub.StreamingInputCall(patient(),
      (error, value) => (error ? reject(error) : resolve(value.aggregated_payload_size)));
    (async () => {
      for (const request of requests) await writeInput(call, request);
      call.end();
    })();
  });
}

/* Whence the call came, as the server sees it. */
async function ownAddress(call) {
  const { value } = await call.responses.next();
  assert(value && value.peer_socket_address, 'the server tells no address');
  return value.peer_socket_address;
}

/* Calls of a soak have no deadline. */
async function soak(isClientNew) {
  for (let i = 0; i < Number(args.soak_iterations); i++) {
    const start = Date.now();
    const stub = isClientNew ? connect(TestService) : client;
    const size = Number(args.soak_response_size);
    const { response } = await unary('UnaryCall',
      largeRequest(Number(args.soak_request_size), size), { stub, options: {} });
    const elapsed = Date.now() - start;
    assert.strictEqual(response.payload.body.length, size);
    assert(elapsed <= Number(args.soak_per_iteration_max_acceptable_latency_ms),
      `a call took ${elapsed} ms`);
    if (isClientNew) stub.close();
  }
}

const cases = {
  async empty_unary() {
    assert.deepEqual((await unary('EmptyCall', {})).response, {});
  },

  async large_unary() {
    const { response } = await unary('UnaryCall', largeRequest());
    assert.strictEqual(response.payload.body.length, 314159);
  },

  async client_compressed_unary() {
    const stub = connect(TestService, GZIP);
    const send = (compressed, says) => unary('UnaryCall',
      { ...largeRequest(), expect_compressed: { value: says } },
      { stub: compressed ? stub : client });
    await fails(send(false, true), grpc.status.INVALID_ARGUMENT);
    for (const compressed of [true, false]) {
      const { response } = await send(compressed, compressed);
      assert.strictEqual(response.payload.body.length, 314159);
    }
    stub.close();
  },

  async server_compressed_unary() {
    assert.deepStrictEqual(await whatIsSeen(true), await whatIsSeen(false));
    throw new Limited('grpc-js does not show whether a response came compressed');
  },

  async client_compressed_streaming() {
    const stub = connect(TestService, GZIP);
    const probe = { size: 27182, says: true, compressed: false };
    await fails(sendInput(stub, probe), grpc.status.INVALID_ARGUMENT);
    const sum = await sendInput(stub,
      { size: 27182, says: true, compressed: true },
      { size: 45904, says: false, compressed: false });
    assert.strictEqual(sum, 73086);
    stub.close();
  },

  async server_compressed_streaming() {
    const request = outputRequest(0, 31415, 92653);
    request.response_parameters[0].compressed = { value: true };
    request.response_parameters[1].compressed = { value: false };
    const call = new Stream(client.StreamingOutputCall(request, patient()));
    for (const size of [31415, 92653]) await call.expectSize(size);
    await call.finish();
    assert.strictEqual((await call.initial).get('grpc-encoding').length, 0, 'it is shown');
    throw new Limited('grpc-js does not show whether a response came compressed');
  },

  async client_streaming() {
    const response = await new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(patient(),
        (error, value) => (error ? reject(error) : resolve(value)));
      for (const size of REQUEST_SIZES) call.write({ payload: payload(size) });
      call.end();
    });
    assert.strictEqual(response.aggregated_payload_size, 74922);
  },

  async server_streaming() {
    const call = new Stream(
      client.StreamingOutputCall(outputRequest(0, ...RESPONSE_SIZES), patient()));
    for (const size of RESPONSE_SIZES) await call.expectSize(size);
    await call.finish();
  },

  async ping_pong() {
    const call = duplex();
    for (let i = 0; i < 4; i++) await call.exchange(REQUEST_SIZES[i], RESPONSE_SIZES[i]);
    await call.finish();
  },

  async half_duplex() {
    const call = new Stream(client.HalfDuplexCall(new grpc.Metadata(), patient()));
    for (const size of RESPONSE_SIZES) call.call.write(outputRequest(0, size));
    call.call.end();
    for (const size of RESPONSE_SIZES) await call.expectSize(size);
    await call.finish();
  },

  async empty_stream() {
    await duplex().finish();
  },

  async custom_metadata() {
    const metadata = new grpc.Metadata();
    metadata.add(...INITIAL);
    metadata.add(...TRAILING);
    const { initial, trailing } = await unary('UnaryCall', largeRequest(), { metadata });
    checkMetadata(initial, trailing);
    const call = duplex(metadata);
    await call.exchange(271828, 314159);
    await call.finish();
    checkMetadata(await call.initial, (await call.status).metadata);
  },

  async status_code_and_message() {
    const message = 'test status message';
    await unaryStatus(message);
    const call = duplex();
    call.call.write({ response_status: { code: 2, message } });
    call.call.end();
    await statusFails(call.status, 2, message);
  },

  async special_status_message() {
    await unaryStatus(SPECIAL);
  },

  async unimplemented_method() {
    await fails(unary('UnimplementedCall', {}), grpc.status.UNIMPLEMENTED);
  },

  async unimplemented_service() {
    const stub = connect(UnimplementedService);
    await fails(unary('UnimplementedCall', {}, { stub }), grpc.status.UNIMPLEMENTED);
    stub.close();
  },

  async cancel_after_begin() {
    await fails(new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(patient(),
        (error, value) => (error ? reject(error) : resolve(value)));
      call.cancel();
    }), grpc.status.CANCELLED);
  },

  async cancel_after_first_response() {
    const call = duplex();
    await call.exchange(27182, 31415);
    call.call.cancel();
    await statusFails(call.status, grpc.status.CANCELLED);
  },

  async timeout_on_sleeping_server() {
    const call = duplex(new grpc.Metadata(), { deadline: Date.now() + 1 });
    call.call.write(outputRequest(27182));
    await statusFails(call.status, grpc.status.DEADLINE_EXCEEDED);
  },

  async pick_first_unary() {
    const ids = new Set();
    for (let i = 0; i < 100; i++) {
      const { response } = await unary('UnaryCall', { response_size: 1, fill_server_id: true });
      ids.add(response.server_id);
    }
    assert.strictEqual(ids.size, 1);
    assert(!ids.has(''), 'the server did not say who it is');
  },

  async max_concurrent_streams_connection_scaling() {
    const request = { response_parameters: [{ fill_peer_socket_address: true }] };
    const ask = () => {
      const call = duplex();
      call.call.write(request);
      return call;
    };
    const one = ask();
    const first = await ownAddress(one);
    const two = ask();
    assert.strictEqual(await ownAddress(two), first);
    const three = ask();
    await one.finish(); // makes room for a client that waits with the third
    const third = await ownAddress(three);
    await two.finish();
    await three.finish();
    if (third === first)
      throw new Limited('grpc-js waits for a free stream, where another connection would have one');
  },

  async rpc_soak() {
    await soak(false);
  },

  async channel_soak() {
    await soak(true);
  },

  async long_lived_channel() {
    await soak(false);
  },

  async concurrent_large_unary() {
    const request = largeRequest();
    const calls = Array.from({ length: 1000 }, () => unary('UnaryCall', request));
    for (const { response } of await Promise.all(calls))
      assert.strictEqual(response.payload.body.length, 314159);
  },
};

async function main() {
  const names = args.test_case.split(',');
  const unknown = names.find((name) => !Object.hasOwn(cases, name));
  if (unknown !== undefined) wrong(`--test_case: there is no case "${unknown}"`);
  for (const name of names) {
    try {
      await cases[name]();
      console.log(`ok ${name}`);
    } catch (error) {
      if (error instanceof Limited) {
        console.log(`limited ${name}: ${error.message}`);
        continue;
      }
      const why = error.details === undefined ? error : `${error.code} "${error.details}"`;
      console.log(`failed ${name}: ${why}`.replace(/\n/g, ' '));
      process.exitCode = 1;
    }
  }
  /* A case that has failed may have left calls that would take their time. */
  process.exit();
}

main();
