// The reference implementation's native engine on the files of one workload: POLICIES ENTITIES REQUESTS ROUNDS [LINKS].
// Entities loaded, requests prepared; prints {"p50_ns","p90_ns","p99_ns","mean_ns"} as `reeve cedar bench --json` does.
use cedar_policy::*;
use serde_json::Value;
use std::{collections::HashMap, env, fs, hint::black_box, str::FromStr, time::Instant};

fn uid(v: &Value) -> EntityUid {
    let v = v.get("__entity").unwrap_or(v);
    EntityUid::from_type_name_and_id(
        EntityTypeName::from_str(v["type"].as_str().unwrap()).unwrap(),
        EntityId::new(v["id"].as_str().unwrap()),
    )
}

/// `@id` names a policy, as our command line has it.
fn policies(text: &str) -> PolicySet {
    let mut out = PolicySet::new();
    let all = PolicySet::from_str(text).unwrap();
    for t in all.templates() {
        let id = t.annotation("id").map_or_else(|| t.id().clone(), PolicyId::new);
        out.add_template(t.new_id(id)).unwrap();
    }
    for p in all.policies() {
        let id = p.annotation("id").map_or_else(|| p.id().clone(), PolicyId::new);
        out.add(p.new_id(id)).unwrap();
    }
    out
}

fn link(set: &mut PolicySet, links: &Value) {
    for l in links.as_array().unwrap() {
        let mut values = HashMap::new();
        for (slot, v) in l["args"].as_object().unwrap() {
            let id = if slot == "?principal" { SlotId::principal() } else { SlotId::resource() };
            values.insert(id, EntityUid::from_str(v.as_str().unwrap()).unwrap());
        }
        let name = |k: &str| PolicyId::new(l[k].as_str().unwrap());
        set.link(name("template_id"), name("link_id"), values).unwrap();
    }
}

fn main() {
    let a: Vec<String> = env::args().collect();
    let read = |i: usize| fs::read_to_string(&a[i]).unwrap();
    let mut set = policies(&read(1));
    if a.len() > 5 {
        link(&mut set, &serde_json::from_str(&read(5)).unwrap());
    }
    let entities = Entities::from_json_str(&read(2), None).unwrap();
    let requests: Vec<Request> = serde_json::from_str::<Vec<Value>>(&read(3))
        .unwrap()
        .iter()
        .map(|r| {
            let context = Context::from_json_value(r["context"].clone(), None).unwrap();
            Request::new(uid(&r["principal"]), uid(&r["action"]), uid(&r["resource"]), context, None).unwrap()
        })
        .collect();
    let rounds: usize = a[4].parse().unwrap();
    let authorizer = Authorizer::new();
    let mut took = Vec::with_capacity(rounds * requests.len());
    for round in 0..rounds + 1 {
        for r in &requests {
            let at = Instant::now();
            black_box(authorizer.is_authorized(black_box(r), &set, &entities));
            if round > 0 {
                took.push(at.elapsed().as_nanos() as u64);
            }
        }
    }
    took.sort_unstable();
    let n = took.len();
    let mean = took.iter().sum::<u64>() / n as u64;
    println!(
        "{{\"p50_ns\":{},\"p90_ns\":{},\"p99_ns\":{},\"mean_ns\":{}}}",
        took[n / 2], took[n - n / 10 - 1], took[n - n / 100 - 1], mean
    );
}
