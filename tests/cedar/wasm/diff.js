// Reads the worlds that cedar_diff_cases prints and asks the reference implementation the same. Decision, reasons and errors
// must be the same sets. Ends with "N requests, N with errors, N allowed, N differ"; exit status 1 when any differs.
'use strict';
const path = require('path');
const readline = require('readline');
const cedar = require(path.join(__dirname, 'node_modules/@cedar-policy/cedar-wasm/nodejs'));

// Calls are handed over as text, so that integers beyond 2^53 arrive as they were written.
const stringify = JSON.stringify;
class Raw { constructor(text) { this.text = text; } }
JSON.stringify = (v, ...rest) => (v instanceof Raw ? v.text : stringify(v, ...rest));

const sorted = (list) => stringify([...list].sort());
const count = { requests: 0, errors: 0, allowed: 0, differ: 0 };

function differs(seed, why, detail) {
  count.differ++;
  if (count.differ <= 20) console.log(`seed ${seed}: ${why}: ${stringify(detail)}`);
}

function ask(world, rq) {
  const call = new Raw(`${rq.request.slice(0, -1)},"preparsedPolicySetId":"p","entities":${world.entities}}`);
  const answer = cedar.statefulIsAuthorized(call);
  count.requests++;
  if (answer.type !== 'success') return differs(world.seed, 'refused by the reference', answer.errors);
  const { decision, diagnostics } = answer.response;
  const errors = diagnostics.errors.map((e) => e.policyId);
  count.errors += errors.length > 0;
  count.allowed += decision === 'allow';
  if (decision !== rq.decision || sorted(diagnostics.reason) !== sorted(rq.reason) || sorted(errors) !== sorted(rq.errors))
    differs(world.seed, rq.request, { ours: [rq.decision, rq.reason, rq.errors], theirs: [decision, diagnostics.reason, errors] });
}

function askAll(line) {
  const world = JSON.parse(line);
  const parsed = cedar.preparsePolicySet('p', world.policies);
  if (parsed.type !== 'success') return differs(world.seed, 'policies refused by the reference', parsed.errors);
  for (const rq of world.requests) ask(world, rq);
}

readline.createInterface({ input: process.stdin })
  .on('line', askAll)
  .on('close', () => {
    console.log(`${count.requests} requests, ${count.errors} with errors, ${count.allowed} allowed, ${count.differ} differ`);
    process.exit(count.differ > 0 || count.requests === 0 ? 1 : 0);
  });
