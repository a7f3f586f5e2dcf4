// js_client.js: "grpc-js": unary calls through @grpc/grpc-js. Prints the same line of JSON as the
// programs in C. NODE_PATH says where the packages are.
'use strict';
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const usage = 'usage: js_client.js [OPTION]... TARGET';
const asked = { outstanding: 100, size: 0, seconds: 2, 'warm-up': 0.3, count: 0, ca: '' };
// Its compiler has not settled before that.
const LEAST_WARM_UP = 1.5;
const PATIENCE_MS = 20000;

function fail(status, text) {
  console.error(text);
  process.exit(status);
}

function readArguments(words) {
  for (; words.length > 1 && words[0].startsWith('--'); words = words.slice(2)) {
    const name = words[0].slice(2);
    if (!(name in asked)) fail(2, `${usage}\nunknown option: ${words[0]}`);
    asked[name] = name === 'ca' ? words[1] : Number(words[1]);
    if (Number.isNaN(asked[name])) fail(2, `${usage}\n${words[0]} is no number`);
  }
  if (words.length !== 1) fail(2, usage);
  return words[0];
}

function connect(target) {
  const file = path.join(__dirname, 'bench.proto');
  const { Bench } = grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true })).bench.v1;
  const options = { 'grpc.max_receive_message_length': -1, 'grpc.default_authority': 'localhost' };
  if (asked.ca) options['grpc.ssl_target_name_override'] = 'localhost';
  const credentials = asked.ca
    ? grpc.credentials.createSsl(fs.readFileSync(asked.ca))
    : grpc.credentials.createInsecure();
  return new Bench(target, credentials, options);
}

const now = () => Number(process.hrtime.bigint()); // nanoseconds

// A warm-up, and then so many seconds or calls.
class Window {
  constructor() {
    this.started = 0;
    this.latencies = [];
    this.opens = asked.count ? 0 : now() + 1e9 * Math.max(asked['warm-up'], LEAST_WARM_UP);
    if (asked.count) this.open();
  }

  open() {
    this.first = { time: now(), cpu: process.cpuUsage() };
    this.closes = asked.count ? Infinity : this.first.time + 1e9 * asked.seconds;
  }

  mayStart() {
    if (asked.count && this.started >= asked.count) return false;
    this.started++;
    return true;
  }

  // Whether the window has closed.
  note(from) {
    const time = now();
    if (!this.first) {
      if (time >= this.opens) this.open();
      return false;
    }
    this.latencies.push(time - from);
    return time >= this.closes || this.latencies.length === asked.count;
  }

  print(target) {
    const cpu = process.cpuUsage(this.first.cpu);
    const seconds = (now() - this.first.time) / 1e9;
    const calls = this.latencies.length;
    const sorted = this.latencies.sort((a, b) => a - b);
    const part = (p) => sorted[Math.min(calls - 1, Math.floor(p * calls))] / 1e3;
    console.log(JSON.stringify({
      bench: 'unary',
      peer: 'grpc-js',
      transport: asked.ca ? 'tls' : target.startsWith('unix:') ? 'unix' : 'tcp',
      bytes: asked.size,
      outstanding: asked.outstanding,
      calls,
      seconds,
      calls_per_second: calls / seconds,
      cpu_us_per_call: (cpu.user + cpu.system) / calls,
      p50_us: part(0.5),
      p99_us: part(0.99),
      p999_us: part(0.999),
    }));
  }
}

function run(client, target) {
  const body = Buffer.alloc(asked.size, 'x');
  const window = new Window();
  const start = () => {
    if (!window.mayStart()) return;
    const from = now();
    client.Echo({ body }, (error, reply) => {
      if (error) fail(1, `js_client.js: no figures: ${error.message}`);
      if (reply.body.length !== asked.size) fail(1, 'js_client.js: a reply is not the request');
      if (!window.note(from)) return start();
      window.print(target);
      process.exit(0);
    });
  };
  for (let i = 0; i < asked.outstanding; i++) start();
}

const target = readArguments(process.argv.slice(2));
const client = connect(target);
client.waitForReady(Date.now() + PATIENCE_MS, (error) => {
  if (error) fail(1, `js_client.js: no figures: ${error.message}`);
  run(client, target);
});
