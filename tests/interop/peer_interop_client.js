/*
 * peer_interop_client.js: gRPC's interop tests by grpc-js; flags and output as interop_client's.
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { parseArgs } = require('util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const PATIENCE_MS = 20000 * Math.max(1, Number(process.env.GMUX_TEST_SLOW) || 1);
const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];
const INITIAL = ['x-grpc-test-echo-initial', 'test_initial_metadata_value'];
const TRAILING = ['x-grpc-test-echo-trailing-bin', Buffer.from([0xab, 0xab, 0xab])];
const SPECIAL =
  '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';

const text = (value) => ({ type: 'string', default: value });
const { values: args } = parseArgs({
  options: {
    server_host: text('localhost'),
    server_port: text('0'),
    server_host_override: text(''),
    test_case: text('large_unary'),
    use_tls: text('false'),
    use_test_ca: text('false'),
    ca_file: text(''),
    soak_iterations: text('10'),
    soak_per_iteration_max_acceptable_latency_ms: text('1000'),
    soak_overall_timeout_seconds: text('10'),
    soak_request_size: text('271828'),
    soak_response_size: text('314159'),
  },
});

const { TestService, UnimplementedService } = grpc.loadPackageDefinition(
  loader.loadSync('grpc/testing/test.proto', {
    includeDirs: [path.join(__dirname, 'proto')], keepCase: true, defaults: true,
  })).grpc.testing;

/* A client, with connections of its own. */
function connect(Service) {
  const options = { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1 };
  if (args.server_host_override)
    options['grpc.ssl_target_name_override'] = args.server_host_override;
  const credentials = args.use_tls === 'true'
    ? grpc.credentials.createSsl(fs.readFileSync(args.ca_file))
    : grpc.credentials.createInsecure();
  return new Service(`${args.server_host}:${args.server_port}`, credentials, options);
}
const client = connect(TestService);

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
  for (const name of args.test_case.split(',')) {
    try {
      await cases[name]();
      console.log(`ok ${name}`);
    } catch (error) {
      const why = error.details === undefined ? error : `${error.code} "${error.details}"`;
      console.log(`failed ${name}: ${why}`.replace(/\n/g, ' '));
      process.exitCode = 1;
    }
  }
  client.close();
}

main();
