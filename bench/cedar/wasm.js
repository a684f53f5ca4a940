// cedar-wasm on the files of one workload: PACKAGE POLICIES ENTITIES REQUESTS ROUNDS [LINKS]. Policies are parsed once; entities go
// along with each call, as it has no other way. Prints what `reeve cedar bench --json` prints of a decision.
'use strict';
const fs = require('fs');
const [pkg, policies, entitiesFile, requestsFile, rounds, linksFile] = process.argv.slice(2);
const cedar = require(`${pkg}/nodejs`);
const read = (f) => fs.readFileSync(f, 'utf8');

const parts = cedar.policySetTextToParts(read(policies));
const set = { staticPolicies: {}, templates: {}, templateLinks: [] };
parts.policies.forEach((p, i) => { set.staticPolicies[`policy${i}`] = p; });
parts.policy_templates.forEach((t, i) => { set.templates[(/@id\("([^"]*)"\)/.exec(t) || [0, `template${i}`])[1]] = t; });
const uid = (text) => { const m = /^(.*)::"(.*)"$/.exec(text); return { type: m[1], id: m[2] }; };
for (const l of linksFile ? JSON.parse(read(linksFile)) : [])
  set.templateLinks.push({
    templateId: l.template_id, newId: l.link_id,
    values: Object.fromEntries(Object.entries(l.args).map(([k, v]) => [k, uid(v)])),
  });
if (cedar.preparsePolicySet('p', set).type !== 'success') process.exit(1);
const entities = JSON.parse(read(entitiesFile));
const requests = JSON.parse(read(requestsFile)).slice(0, 100);
const took = [];
for (let round = 0; round <= Number(rounds); round++)
  for (const r of requests) {
    const at = process.hrtime.bigint();
    const a = cedar.statefulIsAuthorized({ ...r, preparsedPolicySetId: 'p', entities });
    if (a.type !== 'success') process.exit(1);
    if (round > 0) took.push(Number(process.hrtime.bigint() - at));
  }
took.sort((a, b) => a - b);
const n = took.length;
const at = (share) => took[n - Math.floor(n * share) - 1];
console.log(JSON.stringify({ p50_ns: took[n >> 1], p90_ns: at(0.1), p99_ns: at(0.01), mean_ns: Math.round(took.reduce((a, b) => a + b) / n) }));
