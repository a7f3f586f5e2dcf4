/*
 * tool_server.js: hello.Greeter, reflection, health and channelz by grpc-js and its own packages, for
 * the command gmux.
 *
 * usage: node tool_server.js --proto FILE [--reflection v1|v1alpha]
 *          [--cert FILE --key FILE [--ca FILE]]
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { parseArgs } = require('util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { HealthImplementation } = require('grpc-health-check');

const { values: args } = parseArgs({
  options: {
    proto: { type: 'string' },
    reflection: { type: 'string', default: 'v1' },
    cert: { type: 'string' },
    key: { type: 'string' },
    ca: { type: 'string' },
  },
});

// The package serves both versions at once; each of them is a class of its own, in these files.
const folder = path.dirname(require.resolve('@grpc/reflection'));
const versions = path.join(folder, 'implementations');
const { ReflectionV1Implementation } = require(path.join(versions, 'reflection-v1.js'));
const { ReflectionV1AlphaImplementation } = require(path.join(versions, 'reflection-v1alpha.js'));
const Reflection = { v1: ReflectionV1Implementation, v1alpha: ReflectionV1AlphaImplementation };

// ---- hello.Greeter ----

const hello = (name, number) => ({ message: `Hello, ${name}!${number ? ` (${number})` : ''}` });

function sayHello(call, callback) {
  const { name } = call.request;
  if (name !== 'nobody') return callback(null, hello(name));
  return callback({ code: grpc.status.INVALID_ARGUMENT, details: 'who is \x1b[31mnobody\x9b2J?' });
}

function lotsOfReplies(call) {
  for (let number = 1; number <= 3; number++) call.write(hello(call.request.name, number));
  call.end();
}

function lotsOfGreetings(call, callback) {
  const names = [];
  call.on('data', (request) => names.push(request.name));
  call.on('end', () => callback(null, hello(names.join(' and '))));
}

function bidiHello(call) {
  let number = 0;
  call.on('data', (request) => call.write(hello(request.name, ++number)));
  call.on('end', () => call.end());
}

// ---- the server ----

function credentials() {
  if (!args.cert) return grpc.ServerCredentials.createInsecure();
  const pair = { cert_chain: fs.readFileSync(args.cert), private_key: fs.readFileSync(args.key) };
  const ca = args.ca ? fs.readFileSync(args.ca) : null;
  return grpc.ServerCredentials.createSsl(ca, [pair], ca !== null);
}

const definition = loader.loadSync(args.proto, { keepCase: true });
const server = new grpc.Server();
server.addService(definition['hello.Greeter'],
  { sayHello, lotsOfReplies, lotsOfGreetings, bidiHello });
new HealthImplementation({ '': 'SERVING', 'hello.Greeter': 'SERVING' }).addToServer(server);
new Reflection[args.reflection](definition).addToServer(server);
grpc.addAdminServicesToServer(server); // channelz is one of them
server.bindAsync('127.0.0.1:0', credentials(), (error, port) => {
  if (error) throw error;
  console.log(`port: ${port}`);
});
