/*
 * peer_flags.js: command lines of the peers in JavaScript.
 */
'use strict';

const { parseArgs } = require('util');

let usage = '';

/* Says how the program is used, and ends it. */
function wrong(why) {
  process.stderr.write(`${why}\nusage: ${usage}\n`);
  process.exit(2);
}

/* As parseArgs, but what is wrong is said, with the usage. */
function parse(text, config) {
  usage = text;
  try {
    return parseArgs(config);
  } catch (error) {
    return wrong(error.message);
  }
}

/* The values of --NAME=VALUE, of the names that `usual` has, which are as there if not given. */
function parseFlags(usual) {
  const options = {};
  for (const [name, value] of Object.entries(usual))
    options[name] = { type: 'string', default: value };
  const names = Object.keys(usual).map((name) => `\n  --${name}`);
  return parse(`--NAME=VALUE..., of these:${names.join('')}`, { options }).values;
}

module.exports = { parse, parseFlags, wrong };
