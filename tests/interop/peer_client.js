/*
 * peer_client.js: tries the service of echo.h by grpc-js; the cases are those of echo_cases.c.
 *
 * usage: node peer_client.js [--ca FILE [--cert FILE --key FILE]] TARGET CASE...
 */
'use strict';

const assert = require('assert');
const fs = require('fs');
const { once } = require('events');
const grpc = require('@grpc/grpc-js');
const { parse, wrong } = require('./peer_flags.js');

const SERVICE = '/gmux.test.Echo/';
const MIB = 1024 * 1024;
const PATIENCE_MS = 20000 * Math.max(1, Number(process.env.GMUX_TEST_SLOW) || 1);
const SPECIAL =
  '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n %41 100% ~\x7f';

const usage = '[--ca FILE [--cert FILE --key FILE]] TARGET CASE...';
const { values: args, positionals: [target, ...cases] } = parse(usage, {
  options: { ca: { type: 'string' }, cert: { type: 'string' }, key: { type: 'string' } },
  allowPositionals: true,
});

const read = (path) => (path ? fs.readFileSync(path) : null);
const credentials = args.ca
  ? grpc.credentials.createSsl(read(args.ca), read(args.key), read(args.cert))
  : grpc.credentials.createInsecure();
const connect = (options) =>
  new grpc.Client(target, credentials, { 'grpc.enable_http_proxy': 0, ...options });
const usual = connect({});

const same = (bytes) => bytes;
const patient = (options) => ({ deadline: Date.now() + PATIENCE_MS, ...options });

function pattern(index, size) {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (index + i) % 251).buffer);
}

function metadataOf(entries) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of entries) metadata.add(key, value);
  return metadata;
}

/* ---- calls ---- */

/* A promise of the reply. */
function unary(name, request, { client = usual, metadata = new grpc.Metadata() } = {}) {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(SERVICE + name, same, same, Buffer.from(request), metadata, patient(),
      (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

function serverStream(name, request, options) {
  return new Stream(usual.makeServerStreamRequest(
    SERVICE + name, same, same, Buffer.from(request), new grpc.Metadata(), patient(options)));
}

function bidi(name, { client = usual, metadata = new grpc.Metadata() } = {}) {
  return new Stream(
    client.makeBidiStreamRequest(SERVICE + name, same, same, metadata, patient()));
}

/* A call with replies, read one by one. */
class Stream {
  constructor(call) {
    this.call = call;
    this.status = new Promise((resolve) => call.once('status', resolve));
    this.initial = new Promise((resolve) => call.once('metadata', resolve));
    call.on('error', () => {}); // the status tells
    this.replies = call[Symbol.asyncIterator]();
  }

  async write(message) {
    if (!this.call.write(message)) await once(this.call, 'drain');
  }

  async expect(message) {
    const { value } = await this.replies.next();
    assert(value && Buffer.compare(value, message) === 0,
      `${value ? value.length : 'no'} bytes came, ${message.length} others were wanted`);
  }

  /* No more is written, and it ends well. */
  async finish() {
    if (this.call.end) this.call.end();
    assert((await this.replies.next()).done, 'a message came instead of the end');
    assert.strictEqual((await this.status).code, grpc.status.OK);
  }

  async fails(code, text) {
    await fails(this.status.then((status) => Promise.reject(status)), code, text);
  }
}

/* The call ends with this status; gives the error. */
async function fails(promise, code, text) {
  let error;
  try {
    await promise;
  } catch (e) {
    error = e;
  }
  assert(error, 'it went well, which was not wanted');
  assert.strictEqual(error.code, code, `code ${error.code} "${error.details}" came, not ${code}`);
  if (text !== undefined) assert.strictEqual(error.details, text);
  return error;
}

async function expectReply(name, request, wanted) {
  const reply = await unary(name, request);
  assert(Buffer.compare(reply, Buffer.from(wanted)) === 0, `${reply.length} other bytes came`);
}

const stillWorks = () => expectReply('Unary', 'still here', 'still here');
const serverSawEnd = (id) => expectReply('Ended', id, id);

async function serverStreamOf(count, size) {
  const stream = serverStream('ServerStream', `${count} ${size}`);
  for (let i = 0; i < count; i++) await stream.expect(pattern(i, size));
  await stream.finish();
}

/* ---- metadata ---- */

/* As HTTP joins the values of a key, because node does so before we see them. */
const joined = (metadata, key) => metadata.get(key)
  .map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)).join(', ');

async function metadataComesBack(sent) {
  const stream = bidi('Bidi', { metadata: sent });
  await stream.write(Buffer.from('x'));
  await stream.expect(Buffer.from('x'));
  await stream.finish();
  const initial = await stream.initial;
  const { metadata: trailing } = await stream.status;
  for (const key of Object.keys(sent.getMap())) {
    const got = key.startsWith('x-initial') ? initial : trailing;
    assert.strictEqual(joined(got, key), joined(sent, key), key);
  }
}

async function statusLate(code, text) {
  const request = Buffer.from(`${code} ${text}`);
  const stream = serverStream('StatusLate', request);
  await stream.expect(request);
  await stream.fails(code, text);
}

async function tooLarge() {
  const size = 4 * MIB + 1;
  const { RESOURCE_EXHAUSTED } = grpc.status;
  await fails(unary('Unary', Buffer.alloc(size)), RESOURCE_EXHAUSTED);
  await serverStream('ServerStream', `1 ${size}`).fails(RESOURCE_EXHAUSTED);
  await stillWorks();
}

async function compressed(algorithm, name) {
  const client = connect({ 'grpc.default_compression_algorithm': algorithm });
  const metadata = new grpc.Metadata();
  metadata.set('x-compress', name);
  const stream = bidi('Bidi', { client, metadata });
  for (let size = 1; size <= MIB; size *= 32) {
    await stream.write(pattern(1, size));
    await stream.expect(pattern(1, size));
  }
  await stream.finish();
  client.close();
}

async function concurrent() {
  const crowd = Array.from({ length: 400 }, () => unary('Peer', 'who'));
  const streams = Array.from({ length: 64 }, () => bidi('Bidi'));
  for (let round = 0; round < 3; round++) {
    const message = (i) => Buffer.from(`${i} ${round}`);
    await Promise.all(streams.map((stream, i) => stream.write(message(i))));
    await Promise.all(streams.map((stream, i) => stream.expect(message(i))));
  }
  await Promise.all(streams.map((stream) => stream.finish()));
  const addresses = new Set((await Promise.all(crowd)).map(String));
  assert.strictEqual(addresses.size, 1, `calls came from ${addresses.size} connections`);
}

const all = pattern(0, 251);
const byName = {
  async unary() {
    for (const request of ['hello', '', pattern(3, 1000)])
      await expectReply('Unary', request, request);
  },
  async client_stream() {
    const requests = Array.from({ length: 100 }, (_, i) => String(i));
    const reply = await new Promise((resolve, reject) => {
      const call = usual.makeClientStreamRequest(SERVICE + 'ClientStream', same, same,
        new grpc.Metadata(), patient(), (error, got) => (error ? reject(error) : resolve(got)));
      for (const request of requests) call.write(Buffer.from(request));
      call.end();
    });
    assert.strictEqual(reply.toString(), requests.join());
  },
  async server_stream() {
    await serverStreamOf(0, 0);
    await serverStreamOf(3, 0);
    await serverStreamOf(100, 777);
  },
  async bidi() {
    const stream = bidi('Bidi');
    for (let i = 0; i < 20; i++) {
      await stream.write(pattern(i, i * 100));
      await stream.expect(pattern(i, i * 100));
    }
    await stream.finish();
  },
  async empty_streams() {
    await bidi('Bidi').finish();
    const reply = await new Promise((resolve, reject) => {
      usual.makeClientStreamRequest(SERVICE + 'ClientStream', same, same, new grpc.Metadata(),
        patient(), (error, got) => (error ? reject(error) : resolve(got))).end();
    });
    assert.strictEqual(reply.length, 0);
  },
  metadata: () => metadataComesBack(metadataOf([
    ['x-initial-text', 'one'],
    ['x-initial-text', 'two  words!~'],
    ['x-initial-empty', ''],
    ['x-initial-bin', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
    ['x-trailing_text.0', '= "three", %41'],
    ['x-trailing-bin', Buffer.from([0xab, 0xab, 0xab])],
    ['x-trailing-bin', all],
    ['x-trailing-bin', all.subarray(1)],
  ])),
  metadata_large: () => metadataComesBack(metadataOf([['x-trailing-text', 'm'.repeat(7000)]])),
  async metadata_too_large() {
    const metadata = metadataOf([['x-request', 'm'.repeat(20000)]]);
    await fails(unary('Unary', 'x', { metadata }), grpc.status.RESOURCE_EXHAUSTED);
    await stillWorks();
  },
  async status() {
    for (let code = grpc.status.CANCELLED; code <= grpc.status.UNAUTHENTICATED; code++)
      await fails(unary('Status', `${code} test status message`), code, 'test status message');
    await fails(unary('Status', '5 '), grpc.status.NOT_FOUND, '');
  },
  status_late: () => statusLate(grpc.status.DATA_LOSS, 'after a message'),
  async special_status() {
    await fails(unary('Status', `2 ${SPECIAL}`), grpc.status.UNKNOWN, SPECIAL);
    await statusLate(grpc.status.UNKNOWN, SPECIAL);
  },
  async details() {
    const details = Buffer.from([0x08, 0x09, 0x12, 0x00, 0xff, 0x80, 0x00]);
    const metadata = metadataOf([['x-details-bin', details]]);
    const error = await fails(unary('Status', '9 see details', { metadata }),
      grpc.status.FAILED_PRECONDITION, 'see details');
    assert.deepStrictEqual(error.metadata.get('grpc-status-details-bin'), [details]);
  },
  unimplemented: () => fails(unary('NoSuchMethod', 'x'), grpc.status.UNIMPLEMENTED),
  async deadline() {
    const stream = serverStream('Sleep', 'deadline', { deadline: Date.now() + 200 });
    let hasBegun = false;
    stream.initial.then(() => { hasBegun = true; });
    await stream.fails(grpc.status.DEADLINE_EXCEEDED);
    // On a very busy machine the time may be up before the server has heard of the call.
    if (hasBegun) await serverSawEnd('deadline');
  },
  async time_left() {
    const left = Number(await unary('TimeLeft', ''));
    assert(left > 0 && left <= PATIENCE_MS * 1.1, `of ${PATIENCE_MS} ms the server has ${left} left`);
  },
  async cancel() {
    const stream = serverStream('Sleep', 'cancel');
    await Promise.race([stream.initial, stream.status]);
    stream.call.cancel();
    await stream.fails(grpc.status.CANCELLED);
    await serverSawEnd('cancel');
  },
  async cancel_stream() {
    const stream = bidi('Bidi');
    await stream.write(Buffer.from('x'));
    await stream.expect(Buffer.from('x'));
    stream.call.cancel();
    await stream.fails(grpc.status.CANCELLED);
    await stillWorks();
  },
  async early_end() {
    const stream = bidi('Early');
    await stream.write(Buffer.from('x'));
    await stream.fails(grpc.status.ABORTED, 'enough');
    await stillWorks();
  },
  async big() {
    const body = pattern(7, MIB);
    await expectReply('Unary', body, body);
    const stream = bidi('Bidi');
    for (let i = 0; i < 4; i++) {
      await stream.write(body);
      await stream.expect(body);
    }
    await stream.finish();
  },
  long_stream: () => serverStreamOf(400, 20000),
  too_large: tooLarge,
  concurrent,
  gzip: () => compressed(grpc.compressionAlgorithms.gzip, 'gzip'),
  deflate: () => compressed(grpc.compressionAlgorithms.deflate, 'deflate'),
  async peer_name() {
    const name = String(await unary('PeerName', ''));
    assert(name.includes('interop-client'), `the server knows us as "${name}"`);
  },
  refused: () => fails(unary('Unary', 'x'), grpc.status.UNAVAILABLE),
  async drain() {
    const stream = bidi('Bidi');
    await stream.write(Buffer.from('before'));
    await stream.expect(Buffer.from('before'));
    await expectReply('Drain', 'x', 'x');
    await stream.write(Buffer.from('after'));
    await stream.expect(Buffer.from('after'));
    await stream.finish();
  },
};

(async () => {
  let failed = 0;
  const unknown = cases.find((name) => !Object.hasOwn(byName, name));
  if (unknown !== undefined || cases.length === 0) wrong(`there is no case "${unknown || ''}"`);
  for (const name of cases) {
    try {
      await byName[name]();
      console.log(`ok ${name}`);
    } catch (error) {
      failed++;
      console.log(`failed ${name}: ${String(error.message).replace(/\s+/g, ' ')}`);
    }
  }
  usual.close();
  process.exitCode = failed ? 1 : 0;
})();
