// channelz_client.js ADMIN WORKER TLS CA CERT CASE...: looks at channelz_server with grpc-js and
// the channelz.proto that comes with it. Prints "ok CASE" or "failed CASE: WHY" for each.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [adminPort, workerPort, tlsPort, caFile, certFile, ...wanted] = process.argv.slice(2);
// Nothing here takes as long; a call that does has failed.
const PATIENCE_MS = 30000 * Number(process.env.GMUX_TEST_SLOW || 1);
const WORKER = 1;
const NOT_FOUND = 5;

const stock = path.join(path.dirname(require.resolve('@grpc/grpc-js/package.json')), 'proto',
  'channelz.proto');
const definition = loader.loadSync(stock,
  { longs: Number, enums: String, oneofs: true, defaults: true });
const { Channelz } = grpc.loadPackageDefinition(definition).grpc.channelz.v1;
const admin = new Channelz(`127.0.0.1:${adminPort}`, grpc.credentials.createInsecure());

const deadline = () => ({ deadline: Date.now() + PATIENCE_MS });

function ask(method, request) {
  return new Promise((resolve, reject) => {
    admin[method](request, deadline(), (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

async function refused(method, request) {
  const error = await ask(method, request).then(() => null, (e) => e);
  assert.ok(error, `${method} succeeded`);
  assert.strictEqual(error.code, NOT_FOUND, `${method}: ${error.message}`);
}

// ---- what is asked for often ----

const worker = async () => (await ask('getServer', { serverId: WORKER })).server;

// All refs of the worker's connections, in pages of `size`.
async function sockets(size) {
  const refs = [];
  for (let end = false; !end;) {
    const startSocketId = refs.length ? refs[refs.length - 1].socketId + 1 : 0;
    const page = await ask('getServerSockets',
      { serverId: WORKER, startSocketId, maxResults: size });
    assert.ok(page.socketRef.length <= size);
    for (const ref of page.socketRef) {
      assert.ok(ref.socketId >= startSocketId);
      refs.push(ref);
    }
    end = page.end;
  }
  return refs;
}

const socket = async (ref) => (await ask('getSocket', { socketId: ref.socketId })).socket;

// The only connection of a channel.
async function connectionOf(channel) {
  const { subchannelId } = channel.subchannelRef[0];
  const { subchannel } = await ask('getSubchannel', { subchannelId });
  assert.strictEqual(subchannel.socketRef.length, 1);
  return { subchannel, socket: await socket(subchannel.socketRef[0]) };
}

// Asks until it is so: what one side has seen the other sees a little later.
async function until(what, isSo) {
  const last = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < last, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// ---- a client of the worker; each has a connection of its own ----

const bytes = { serialize: (b) => b, deserialize: (b) => b };

function client(port, credentials) {
  return new grpc.Client(`127.0.0.1:${port}`, credentials,
    { 'grpc.use_local_subchannel_pool': 1 });
}

function call(from, method, text) {
  return new Promise((resolve) => {
    from.makeUnaryRequest(`/demo.Worker/${method}`, bytes.serialize, bytes.deserialize,
      Buffer.from(text), deadline(), (error) => resolve(error ? error.code : 0));
  });
}

// 7 calls that succeed and 2 that fail, by three clients.
async function callsOf(clients) {
  for (let i = 0; i < 9; i++) {
    const isToFail = i % 4 === 3;
    const code = await call(clients[i % 3], 'Say', isToFail ? 'no' : 'ok');
    assert.strictEqual(code, isToFail ? grpc.status.ABORTED : 0);
  }
}

// The worker's figures before and after, and the connections that came.
async function callsAreShown(port, credentials) {
  const before = (await worker()).data;
  const old = new Set((await sockets(100)).map((ref) => ref.socketId));
  const clients = [1, 2, 3].map(() => client(port, credentials));
  const startedAt = Math.floor(Date.now() / 1000);
  await callsOf(clients);
  await until('9 calls have ended', async () => {
    const { data } = await worker();
    return data.callsSucceeded + data.callsFailed - before.callsSucceeded - before.callsFailed >= 9;
  });
  const after = (await worker()).data;
  assert.strictEqual(after.callsStarted - before.callsStarted, 9);
  assert.strictEqual(after.callsSucceeded - before.callsSucceeded, 7);
  assert.strictEqual(after.callsFailed - before.callsFailed, 2);
  assert.ok(after.lastCallStartedTimestamp.seconds >= startedAt);
  const refs = (await sockets(2)).filter((ref) => !old.has(ref.socketId));
  assert.strictEqual(refs.length, 3);
  const shown = await Promise.all(refs.map(socket));
  for (const { data } of shown) {
    assert.strictEqual(data.streamsStarted, 3);
    assert.strictEqual(data.streamsSucceeded, 3); // an answer of ABORTED is a whole one
    assert.strictEqual(data.streamsFailed, 0);
    assert.strictEqual(data.messagesReceived, 3);
    assert.ok(Number(data.localFlowControlWindow.value) > 0);
    assert.ok(Number(data.remoteFlowControlWindow.value) > 0);
  }
  assert.strictEqual(shown.reduce((sum, s) => sum + s.data.messagesSent, 0), 7);
  clients.forEach((c) => c.close());
  await until('their connections are gone', async () => {
    const left = new Set((await sockets(100)).map((ref) => ref.socketId));
    return refs.every((ref) => !left.has(ref.socketId));
  });
  for (const ref of refs) await refused('getSocket', { socketId: ref.socketId });
  return shown;
}

// ---- cases ----

const isCipherSuite = (security) => /^TLS_[A-Z0-9_]+$/.test(security.tls.standardName);
const certificate = () => new crypto.X509Certificate(fs.readFileSync(certFile)).raw;

const cases = {
  // gmux's own channels, which live on another loop than the server that is asked.
  async channels() {
    const { channel: shown, end } = await ask('getTopChannels', {});
    assert.strictEqual(shown.length, 2);
    assert.strictEqual(end, true);
    for (const [i, port] of [workerPort, tlsPort].entries()) {
      const { ref, data } = shown[i];
      assert.strictEqual(data.target, `127.0.0.1:${port}`);
      assert.strictEqual(data.state.state, 'READY');
      assert.deepStrictEqual([data.callsStarted, data.callsSucceeded, data.callsFailed], [9, 7, 2]);
      assert.ok(data.trace.events.some((event) => event.description === 'READY'));
      const again = await ask('getChannel', { channelId: ref.channelId });
      assert.strictEqual(again.channel.ref.name, ref.name);
      const on = await connectionOf(shown[i]);
      assert.strictEqual(on.subchannel.data.callsSucceeded, 7);
      assert.strictEqual(on.socket.data.streamsSucceeded, 9);
      assert.strictEqual(on.socket.data.messagesSent, 9);
      assert.strictEqual(on.socket.data.messagesReceived, 7);
      assert.strictEqual(on.socket.remote.tcpipAddress.port, Number(port));
      assert.deepStrictEqual([...on.socket.remote.tcpipAddress.ipAddress], [127, 0, 0, 1]);
      assert.ok(on.socket.data.lastLocalStreamCreatedTimestamp.seconds > 0);
    }
  },

  async security() {
    const { channel: shown } = await ask('getTopChannels', {});
    const plain = await connectionOf(shown[0]);
    const secure = await connectionOf(shown[1]);
    assert.ok(!plain.socket.security);
    assert.ok(isCipherSuite(secure.socket.security));
    assert.ok(certificate().equals(secure.socket.security.tls.remoteCertificate));
    assert.strictEqual(secure.socket.security.tls.localCertificate.length, 0);
    assert.strictEqual(secure.socket.remoteName, 'CN=interop-server');
  },

  async servers() {
    const { server: shown, end } = await ask('getServers', {});
    assert.strictEqual(end, true);
    assert.deepStrictEqual(shown.map((s) => s.ref.serverId), [WORKER]);
    const listeners = await Promise.all(shown[0].listenSocket.map(socket));
    assert.deepStrictEqual(listeners.map((l) => String(l.local.tcpipAddress.port)),
      [workerPort, tlsPort]);
  },

  async calls() {
    const shown = await callsAreShown(workerPort, grpc.credentials.createInsecure());
    assert.ok(shown.every((s) => !s.security));
  },

  async 'calls over TLS'() {
    const shown = await callsAreShown(tlsPort, grpc.credentials.createSsl(fs.readFileSync(caFile)));
    for (const { security } of shown) {
      assert.ok(isCipherSuite(security));
      assert.ok(certificate().equals(security.tls.localCertificate));
    }
  },

  async 'a call that runs'() {
    const before = (await worker()).data;
    const from = client(workerPort, grpc.credentials.createInsecure());
    const running = from.makeUnaryRequest('/demo.Worker/Wait', bytes.serialize, bytes.deserialize,
      Buffer.from('x'), deadline(), () => {});
    await until('it runs',
      async () => (await worker()).data.callsStarted === before.callsStarted + 1);
    const during = (await worker()).data;
    assert.strictEqual(during.callsSucceeded + during.callsFailed,
      before.callsSucceeded + before.callsFailed);
    const refs = await sockets(100);
    const last = refs[refs.length - 1];
    const streams = async () => {
      const { data } = await socket(last);
      return [data.streamsStarted, data.streamsSucceeded, data.streamsFailed];
    };
    assert.deepStrictEqual(await streams(), [1, 0, 0]);
    running.cancel();
    await until('it has failed',
      async () => (await worker()).data.callsFailed === before.callsFailed + 1);
    assert.deepStrictEqual(await streams(), [1, 0, 1]);
    from.close();
  },

  async 'what is not there'() {
    await refused('getServer', { serverId: 99 });
    await refused('getServerSockets', { serverId: 99 });
    await refused('getChannel', { channelId: WORKER });
    await refused('getSubchannel', { subchannelId: 99 });
    await refused('getSocket', { socketId: 99 });
    const beyond = await ask('getTopChannels', { startChannelId: 99 });
    assert.deepStrictEqual([beyond.channel.length, beyond.end], [0, true]);
  },

  // As fast as it goes, while calls are made.
  async 'asking in a loop'() {
    const from = client(workerPort, grpc.credentials.createInsecure());
    const questions = [];
    for (let i = 0; i < 1000; i++) {
      questions.push(ask('getTopChannels', { maxResults: 1e15 }));
      if (i % 100 === 0) assert.strictEqual(await call(from, 'Say', 'ok'), 0);
    }
    for (const answer of await Promise.all(questions)) assert.strictEqual(answer.channel.length, 2);
    from.close();
  },

  async end() {
    const from = client(workerPort, grpc.credentials.createInsecure());
    assert.strictEqual(await call(from, 'End', ''), 0);
    from.close();
  },
};

(async () => {
  for (const name of wanted) {
    try {
      if (!cases[name]) throw new Error('no such case');
      await cases[name]();
      console.log(`ok ${name}`);
    } catch (e) {
      console.log(`failed ${name}: ${e.stack.replace(/\n/g, ' | ')}`);
      process.exitCode = 1;
    }
  }
  admin.close();
})();
