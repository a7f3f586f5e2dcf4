/*
 * services_client.js: the standard services of gmux, asked by stock packages of node:
 * grpc-health-check and grpc-js-reflection-client.
 *
 *   services_client.js SERVER
 *
 * Starts services_server and tells it what to do. Prints "ok CASE" or "failed CASE: WHY" for each.
 */
'use strict';

const assert = require('assert');
const { spawn } = require('child_process');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const health = require('grpc-health-check');
const reflection = require('grpc-js-reflection-client');

const PATIENCE_MS = 20000 * Math.max(1, Number(process.env.GMUX_TEST_SLOW) || 1);
const HealthClient = grpc.makeGenericClientConstructor(health.service, 'Health');

/* What comes, one by one, to be waited for. */
class Inbox {
  constructor() {
    this.items = [];
    this.waiting = [];
  }
  put(item) {
    const resolve = this.waiting.shift();
    if (resolve) resolve(item);
    else this.items.push(item);
  }
  async next() {
    if (this.items.length) return this.items.shift();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('nothing came')), PATIENCE_MS);
    });
    const item = await Promise.race([new Promise((resolve) => this.waiting.push(resolve)), late]);
    clearTimeout(timer);
    return item;
  }
}

class Server {
  async start() {
    this.process = spawn(process.argv[2], [], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.lines = new Inbox();
    readline.createInterface({ input: this.process.stdout }).on('line', (l) => this.lines.put(l));
    this.target = '127.0.0.1:' + /^port: (\d+)$/.exec(await this.lines.next())[1];
  }
  async tell(line) {
    this.process.stdin.write(line + '\n');
    assert.strictEqual(await this.lines.next(), 'done');
  }
  async end() {
    const over = new Promise((resolve) => this.process.on('exit', resolve));
    this.process.stdin.end();
    assert.strictEqual(await over, 0);
  }
}

/* A unary call: its reply, or its error. */
function ask(client, method, request) {
  return new Promise((resolve) =>
    client[method](request, { deadline: Date.now() + PATIENCE_MS }, (error, reply) =>
      resolve(error || reply)
    )
  );
}

function watch(client, service) {
  const inbox = new Inbox();
  const call = client.watch({ service });
  call.on('data', (message) => inbox.put(message.status));
  call.on('error', () => {});
  call.on('status', (status) => inbox.put(status.code));
  return inbox;
}

const cases = {
  async check_tells_what_is_set(server, client) {
    assert.strictEqual((await ask(client, 'check', { service: '' })).status, 'SERVING');
    assert.strictEqual(
      (await ask(client, 'check', { service: 'hello.Greeter' })).code,
      grpc.status.NOT_FOUND
    );
    await server.tell('set 2 hello.Greeter');
    const reply = await ask(client, 'check', { service: 'hello.Greeter' });
    assert.strictEqual(reply.status, 'NOT_SERVING');
  },

  async list_tells_all(server, client) {
    await server.tell('set 0 hello.Greeter');
    const list = await ask(client, 'list', {});
    assert.deepStrictEqual(list.statuses, {
      '': { status: 'SERVING' },
      'hello.Greeter': { status: 'UNKNOWN' },
    });
  },

  async watch_tells_changes_and_ends_with_a_drain(server, client) {
    const known = watch(client, '');
    const later = watch(client, 'hello.Later');
    assert.strictEqual(await known.next(), 'SERVING');
    assert.strictEqual(await later.next(), 'SERVICE_UNKNOWN');
    await server.tell('set 1 hello.Later');
    assert.strictEqual(await later.next(), 'SERVING');
    await server.tell('shutdown');
    assert.strictEqual(await known.next(), 'NOT_SERVING');
    assert.strictEqual(await later.next(), 'NOT_SERVING');
    await server.tell('resume');
    assert.strictEqual(await known.next(), 'SERVING');
    assert.strictEqual(await later.next(), 'SERVING');
    await server.tell('drain'); /* which waits for no watcher */
    for (const inbox of [known, later]) {
      assert.strictEqual(await inbox.next(), 'NOT_SERVING');
      assert.strictEqual(await inbox.next(), grpc.status.UNAVAILABLE);
    }
  },

  async reflection_is_enough_to_call_a_method(server) {
    for (const version of ['v1', 'v1alpha']) {
      const client = new reflection.GrpcReflection(
        server.target,
        grpc.credentials.createInsecure(),
        {},
        version
      );
      assert.deepStrictEqual(
        (await client.listServices()).sort(),
        [
          'grpc.health.v1.Health',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
          'hello.Greeter',
        ]
      );
      for (const symbol of ['hello.Greeter', 'grpc.health.v1.Health'])
        assert.ok((await client.getDescriptorBySymbol(symbol)).getPackageObject());
      const file = await client.getDescriptorByFileName('greeter.proto');
      const { Greeter } = file.getPackageObject().hello;
      const greeter = new Greeter(server.target, grpc.credentials.createInsecure());
      const reply = await ask(greeter, 'sayHello', { name: version });
      assert.strictEqual(reply.message, version);
      greeter.close();
      await assert.rejects(client.getDescriptorBySymbol('hello.Nobody'));
    }
  },
};

async function run(name) {
  const server = new Server();
  await server.start();
  const client = new HealthClient(server.target, grpc.credentials.createInsecure());
  try {
    await cases[name](server, client);
    client.close();
    await server.end();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`failed ${name}: ${error.stack}`);
    server.process.kill();
  }
}

(async () => {
  for (const name of Object.keys(cases)) await run(name);
  process.exit(0); /* whatever a client holds still */
})();
