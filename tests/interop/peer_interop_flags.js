/*
 * peer_interop_flags.js: flags of peer_interop_client.js and peer_interop_server.js.
 */
'use strict';

const { parseArgs } = require('util');

let known = {};

/* Says how the program is used, and ends it. */
function wrong(why) {
  const names = Object.keys(known).map((name) => `  --${name}\n`);
  process.stderr.write(`${why}\nusage: --NAME=VALUE..., of these:\n${names.join('')}`);
  process.exit(2);
}

/* The values of --NAME=VALUE, of the names that `usual` has, which are as there if not given. */
function parseFlags(usual) {
  known = usual;
  const options = {};
  for (const [name, value] of Object.entries(usual))
    options[name] = { type: 'string', default: value };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return wrong(error.message);
  }
}

module.exports = { parseFlags, wrong };
