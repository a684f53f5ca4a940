// Makes random policies over the schema of validate.txt and has them validated by cedar_validate_lines and by the reference
// implementation. Verdicts and kinds of errors and warnings must be the same. Ends with "N policies, N valid, N differ"; exit
// status 1 when any differs. Usage: validate.js CEDAR_VALIDATE_LINES VALIDATE_TXT SEED COUNT
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawnSync } = require('child_process');
const cedar = require(path.join(__dirname, 'node_modules/@cedar-policy/cedar-wasm/nodejs'));

const [lines, table, seedText, countText] = process.argv.slice(2);
const schema = fs.readFileSync(table, 'utf8').split(/^--- .*\n/m)[1];

// ---- chance

let seed = Number(seedText);
const chance = () => {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return (seed >>> 8) / 0x7fffff;
};
const below = (n) => Math.min(n - 1, Math.floor(chance() * n));
const pick = (list) => list[below(list.length)];

// ---- expressions: most of the type that is wanted, some not

const UIDS = ['User::"a"', 'Bot::"b"', 'Team::"t"', 'Org::"o"', 'Doc::"d"', 'Folder::"f"', 'Colour::"red"', 'Colour::"blue"',
  'Action::"read"', 'Action::"use"', 'Action::"paint"', 'Shop::Till::"t"', 'Shop::Action::"open"', 'Usr::"x"'];
const TYPES = ['User', 'Bot', 'Team', 'Org', 'Doc', 'Folder', 'Colour', 'Shop::Till', 'Usr'];
const ATTRS = ['name', 'age', 'boss', 'emails', 'address', 'street', 'zip', 'since', 'ip', 'owner', 'level', 'meta', 'mfa', 'from'];
const SORTS = ['bool', 'long', 'string', 'entity', 'set', 'record', 'datetime', 'duration', 'decimal', 'ip'];
const USERS = ['principal', 'resource.owner', '(if principal is User then principal else resource.owner)', 'User::"a"'];
const OPTIONAL = { boss: 'entity', ip: 'ip', sum: 'decimal', since: 'datetime' };

const LEAVES = {
  bool: ['true', 'false', 'principal.active', 'context.mfa', 'principal has boss', 'context has from', 'principal is User', 'resource is Doc'],
  long: ['1', '0', '-3', 'principal.age', 'resource.level', 'principal["my key"]'],
  string: ['"a"', '"x"', 'principal.name', 'resource.title', 'principal.address.street', 'principal.address.zip'],
  entity: ['principal', 'resource', 'action', 'principal.boss', 'resource.team', 'resource.owner', ...USERS, ...UIDS],
  set: ['principal.emails', '["a", "b"]', '[1, 2]', '[]', 'resource.readers', '[principal]', '[principal, resource]', '[true, false]'],
  record: ['context', 'principal.address', '{street: "a"}', '{a: 1}', '{}', 'resource.meta', '{street: "a", zip: "b"}'],
  datetime: ['datetime("2026-01-01")', 'principal.since', 'datetime("x")'],
  duration: ['duration("1h")', 'principal.term', 'duration("z")'],
  decimal: ['decimal("1.0")', 'principal.sum', 'decimal("1")'],
  ip: ['ip("1.2.3.4")', 'principal.ip', 'context.from', 'ip(principal.name)'],
};

const FORMS = {
  bool: [
    (e) => `(${e('bool')} && ${e('bool')})`, (e) => `(${e('bool')} && ${e('bool')})`, (e) => `(${e('bool')} || ${e('bool')})`,
    (e) => `!${e('bool')}`, (e) => `(if ${e('bool')} then ${e('bool')} else ${e('bool')})`,
    (e) => `(${e('long')} ${pick(['<', '<=', '>', '>='])} ${e('long')})`,
    (e) => { const s = pick(SORTS); return `(${e(s)} ${pick(['==', '!='])} ${e(s)})`; },
    (e) => `(${e('entity')} in ${pick([e('entity'), e('set'), `[${e('entity')}, ${e('entity')}]`])})`,
    (e) => `(${e('entity')} is ${pick(TYPES)})`, (e) => `(${e('entity')} is ${pick(TYPES)} in ${e('entity')})`,
    (e) => `(${pick([e('entity'), e('record')])} has ${pick(ATTRS)})`,
    () => `(${pick(USERS)} has ${pick(Object.keys(OPTIONAL))})`, () => '(principal has boss.boss)',
    (e) => {
      const base = pick(['principal', 'resource.owner']), name = pick(Object.keys(OPTIONAL));
      return `(${base} has ${name} && ${base}.${name} == ${e(OPTIONAL[name])})`;
    },
    (e) => `${e('set')}.contains(${e(pick(['string', 'long', 'entity']))})`,
    (e) => `${e('set')}.${pick(['containsAll', 'containsAny'])}(${e('set')})`, (e) => `${e('set')}.isEmpty()`,
    (e) => `(${e('string')} like "a*")`, (e) => `${e('entity')}.hasTag(${e('string')})`,
    (e) => {
      const base = pick(['principal', 'resource.owner', 'resource']), tag = e('string');
      return `(${base}.hasTag(${tag}) && ${base}.getTag(${tag}) == ${e(pick(['string', 'long']))})`;
    },
    (e) => `(${e('datetime')} ${pick(['<', '>='])} ${e('datetime')})`, (e) => `(${e('duration')} < ${e(pick(['duration', 'long']))})`,
    (e) => `${e('decimal')}.${pick(['lessThan', 'greaterThanOrEqual'])}(${e('decimal')})`,
    (e) => `${e('ip')}.${pick(['isIpv4()', 'isLoopback()', `isInRange(${e('ip')})`])}`,
    (e) => `(principal is ${pick(['User', 'Bot'])} && ${e('bool')})`,
  ],
  long: [(e) => `(${e('long')} ${pick(['+', '-', '*'])} ${e('long')})`, (e) => `-${e('long')}`,
    (e) => `(if ${e('bool')} then ${e('long')} else ${e('long')})`, (e) => `${e('duration')}.toHours()`],
  string: [(e) => `(if ${e('bool')} then ${e('string')} else ${e('string')})`, (e) => `principal.getTag(${e('string')})`,
    (e) => `${e('record')}.${pick(['street', 'a', 'tag'])}`],
  entity: [(e) => `(if ${e('bool')} then ${e('entity')} else ${e('entity')})`, (e) => `${e('entity')}.${pick(['boss', 'owner', 'team'])}`,
    (e) => `{a: ${e('entity')}}.a`],
  set: [(e) => `[${e('string')}, ${e('string')}]`, (e) => `[${e('entity')}, ${e('entity')}]`, (e) => `[${e('long')}]`,
    (e) => `[${e('record')}, ${e('record')}]`, (e) => `(if ${e('bool')} then ${e('set')} else ${e('set')})`],
  record: [(e) => `{street: ${e('string')}}`, (e) => `{a: ${e('long')}, b: ${e('entity')}}`,
    (e) => `(if ${e('bool')} then ${e('record')} else ${e('record')})`],
  datetime: [(e) => `${e('datetime')}.offset(${e('duration')})`, (e) => `${e('datetime')}.toDate()`],
  duration: [(e) => `${e('datetime')}.durationSince(${e('datetime')})`, (e) => `${e('datetime')}.toTime()`],
  decimal: LEAVES.decimal.map((s) => () => s),
  ip: LEAVES.ip.map((s) => () => s),
};

function expression(sort, depth) {
  const wanted = chance() < 0.04 ? pick(SORTS) : sort;
  if (depth <= 0 || chance() < 0.1) return pick(LEAVES[wanted]);
  return pick(FORMS[wanted])((s) => expression(s, depth - 1));
}

// ---- policies

function scope(variable, uids, types, slots) {
  switch (below(12)) {
    case 0: return `${variable} == ${pick(uids)}`;
    case 1: return `${variable} in ${pick(uids)}`;
    case 2: case 3: case 4: case 5: return `${variable} is ${chance() < 0.7 ? types[0] : pick(types)}`;
    case 6: return `${variable} is ${pick(types)} in ${pick(uids)}`;
    case 7: return slots ? `${variable} ${pick(['==', 'in', `is ${types[0]} in`])} ?${variable}` : variable;
    default: return variable;
  }
}

const ACTIONS = ['action', 'action == Action::"read"', 'action == Action::"read"', 'action in Action::"use"', 'action == Action::"use"',
  'action in [Action::"read", Action::"paint"]', 'action == Action::"paint"', 'action == Shop::Action::"open"', 'action == Action::"raed"'];

function policy(slots) {
  const principal = scope('principal', ['User::"a"', 'Team::"t"', 'Bot::"x"', 'Usr::"q"'], ['User', 'Bot', 'Usr', 'Team'], slots);
  const resource = scope('resource', ['Doc::"d"', 'Folder::"f"', 'User::"u"', 'Shop::Till::"t"'], ['Doc', 'Folder', 'Shop::Till', 'Dco'], slots);
  let text = `${pick(['permit', 'forbid'])}(${principal}, ${pick(ACTIONS)}, ${resource})`;
  for (let n = below(3); n > 0; n--) text += ` ${chance() < 0.8 ? 'when' : 'unless'} { ${expression('bool', 1 + below(4))} }`;
  return `${text};`;
}

// ---- comparison

const KINDS = [[/access to tag/, 'unguarded-tag'], [/optional attribute/, 'unguarded-attribute'], [/argument validation/, 'malformed-literal'],
  [/non-literal/, 'constructor-argument'], [/number of arguments/, 'argument-count'], [/empty set/, 'empty-set'],
  [/unrecognized entity type/, 'unknown-entity-type'], [/unrecognized action/, 'unknown-action'], [/enumerated entity type/, 'unknown-id'],
  [/applicable action/, 'inapplicable-scope'], [/unexpected type/, 'unexpected-type'], [/not compatible/, 'incompatible-types'],
  [/getTag/, 'no-tags'], [/is impossible/, 'impossible-policy'], [/attribute/, 'unknown-attribute']];
const kinds = (list) => list.map((x) => (KINDS.find(([words]) => words.test(x.error.message)) || [0, x.error.message])[1]);
const distinct = (list) => [...new Set(list)].sort();

const policies = Array.from({ length: Number(countText) }, (_, i) => policy(i % 5 === 0));
const schemaFile = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'validate-')), 'schema.cedarschema');
fs.writeFileSync(schemaFile, schema);
const run = spawnSync(lines, [schemaFile], { input: policies.map((p) => `${p}\n`).join(''), maxBuffer: 1 << 30, encoding: 'utf8' });
fs.rmSync(path.dirname(schemaFile), { recursive: true });
const ours = run.stdout.trim().split('\n').map((line) => JSON.parse(line));

const count = { valid: 0, differ: 0 };
policies.forEach((text, i) => {
  const set = /\?(principal|resource)/.test(text) ? { templates: { t: text } } : { staticPolicies: text };
  const answer = cedar.validate({ schema, policies: set, validationSettings: { mode: 'strict' } });
  const theirs = answer.type !== 'success' ? 'unread'
    : { errors: distinct(kinds(answer.validationErrors)), warnings: distinct(kinds(answer.validationWarnings)) };
  const mine = typeof ours[i] === 'string' ? ours[i] : { errors: distinct(ours[i].errors), warnings: distinct(ours[i].warnings) };
  if (theirs !== 'unread' && theirs.errors.length === 0) count.valid++;
  if (JSON.stringify(theirs) === JSON.stringify(mine)) return;
  if (++count.differ <= 20) console.log(`${text}\n  ours ${JSON.stringify(mine)}\n  theirs ${JSON.stringify(theirs)}`);
});
console.log(`${policies.length} policies, ${count.valid} valid, ${count.differ} differ`);
process.exit(count.differ > 0 || ours.length !== policies.length || count.valid === 0 ? 1 : 0);
