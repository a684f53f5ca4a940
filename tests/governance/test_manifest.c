#include "governance/governance.h"
#include "tests/harness.h"

static enum rv_code read_one(const char *path, const char *text, struct rv_manifest_set *set,
	struct rv_arena *a, struct rv_err *err)
{
	const struct rv_source s = { path, rv_str_of(text) };
	rv_arena_init(a, 1 << 22);
	return rv_manifest_read(a, &s, 1, set, err);
}

#define SYS                                                                \
	"kind: System\nname: bot\nspec:\n  class: worker\n  owner: olga\n" \
	"  dimensions: {trigger: 2, persistence: 2, autonomy: 2, scope: 1, identity: 2}\n"

TEST(refused_with_a_place)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *word;
	} cases[] = {
		{ "kind: Person\nname: a\nspec:\n  emial: x\n", 4, "emial" },
		{ "kind: Person\nname: a\nspec:\n  rights: [king]\n", 4, "king" },
		{ "kind: Persons\nname: a\nspec: {}\n", 1, "Persons" },
		{ "kind: Person\nname: A b\nspec: {}\n", 2, "A b" },
		{ "kind: Person\nname: a\n", 1, "spec" },
		{ "kind: Person\nname: a\nspec: {}\nstatus: x\n", 4, "status" },
		{ "kind: Person\nname: a\nspec: {}\n---\nkind: Person\nname: a\nspec: {}\n", 5,
			"twice" },
		{ "kind: Group\nname: g\nspec:\n  members: [a, 'B!']\n", 4, "B!" },
		{ "kind: Point\nname: p\nspec:\n  trust: full\n  systems: ['*']\n", 4, "full" },
		{ "kind: Point\nname: p\nspec:\n  trust: enforce\n", 4, "systems" },
		{ "kind: Point\nname: p\nspec:\n  trust: enforce\n  systems: ['*']\n  overlays: "
		  "[x]\n",
			4, "Type.attribute" },
		{ "kind: Resource\nname: shop\nspec: {}\n", 2, "Type/id" },
		{ "kind: Resource\nname: S/x\nspec:\n  data_class: juicy\n", 4, "juicy" },
		{ "kind: Resource\nname: S/x\nspec:\n  effects: {deploy: sideways}\n", 4,
			"sideways" },
		{ "kind: Resource\nname: S/x\nspec:\n  tags: {a: 1}\n", 4, "text" },
		{ "kind: Limit\nname: l\nspec:\n  role: r\n  per: day\n", 4, "max" },
		{ "kind: Limit\nname: l\nspec:\n  role: r\n  per: fortnight\n  max: 1\n", 5,
			"fortnight" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: 59s, max: 1}\n", 3, "slides" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: 367d, max: 1}\n", 3, "slides" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: 1h, zone: UTC, max: 1}\n", 3,
			"calendar" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: day, zone: Nowhere/Land, max: 1}\n",
			3, "time zone" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: day, unit: concurrent, max: 1}\n", 3,
			"no window" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: day, max: 1.5}\n", 3, "max" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: day, max: '1.23456'}\n", 3, "max" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: day, max: -1}\n", 3, "max" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: day, max: 1, unit: money}\n", 3,
			"currency" },
		{ "kind: Limit\nname: l\nspec: {role: r, per: day, max: 1, excess: hold}\n", 3,
			"approvers" },
		{ "kind: System\nname: b\nspec:\n  class: agent\n", 4, "dimensions" },
		{ "kind: System\nname: b\nspec:\n  class: assistant\n  owner: o\n  dimensions: "
		  "{trigger: 0, persistence: 0, autonomy: 2, scope: 0, identity: 0}\n",
			4, "autonomy" },
		{ "kind: System\nname: b\nspec:\n  class: assistant\n  owner: o\n  dimensions: "
		  "{trigger: 0, persistence: 0, autonomy: 0, scope: 0, identity: 2}\n",
			4, "identity" },
		{ "kind: System\nname: b\nspec:\n  class: agent\n  owner: o\n  dimensions: "
		  "{trigger: 0, persistence: 3, autonomy: 0, scope: 0, identity: 0}\n",
			6, "persistence" },
		{ "kind: System\nname: b\nspec:\n  class: agent\n  owner: o\n  dimensions: "
		  "{trigger: 0}\n",
			6, "persistence" },
		{ SYS "  limits: some\n", 7, "limits" },
		{ SYS "  limits: []\n", 7, "limits" },
		{ SYS "  limits: [{name: a, per: day, max: 1}, {name: a, per: day, max: 2}]\n", 7,
			"twice" },
		{ SYS "  failure: {plan: panic, call: olga}\n", 7, "panic" },
		{ SYS "  failure: {plan: stop}\n", 7, "call" },
		{ SYS "  review: {cadence: soon}\n", 7, "90d" },
		{ SYS "  escalation: [{to: olga}]\n", 7, "within" },
		{ SYS "  escalation: [{to: olga, within: 0s}]\n", 7, "within" },
		{ SYS "  actions: {}\n", 7, "nothing" },
		{ SYS "  actions: {always: [x]}\n", 7, "always" },
		{ SYS "  access: [{resource: S/x}]\n", 7, "actions" },
		{ SYS "  usage_policy: {text: x}\n", 7, "version" },
		{ SYS "  colour: red\n", 7, "colour" },
		{ SYS "  parent: bot\n", 1, "cycle" },
		{ "- a\n", 1, "object" },
		{ "kind: Person\nname: a\nspec: {}\n---\n- b\n", 5, "object" },
		{ "kind: Person\nname: [\n", 3, "" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		struct rv_arena a;
		struct rv_manifest_set set;
		struct rv_err err = { 0 };
		enum rv_code code = read_one("x.yaml", cases[i].text, &set, &a, &err);
		CHECKF(code == RV_EINVAL, "case %zu: %s", i, rv_code_name(code));
		CHECKF(err.line == cases[i].line, "case %zu: line %u: %s", i, err.line, err.msg);
		CHECKF(strstr(err.msg, cases[i].word), "case %zu: %s", i, err.msg);
		CHECKF(strcmp(err.where, "x.yaml") == 0, "case %zu: where '%s'", i, err.where);
		rv_arena_done(&a);
	}
}

TEST(kinds_come_in_the_order_they_need_each_other)
{
	struct rv_arena a;
	struct rv_manifest_set set;
	struct rv_err err = { 0 };
	static const char text[] =
		"kind: System\nname: a-child\nspec: {class: agent, owner: o, parent: z-parent, "
		"dimensions: {trigger: 1, persistence: 1, autonomy: 1, scope: 1, identity: "
		"1}}\n---\n"
		"kind: System\nname: z-parent\nspec: {class: agent, owner: o, "
		"dimensions: {trigger: 1, persistence: 1, autonomy: 1, scope: 1, identity: "
		"1}}\n---\n"
		"kind: Policy\nname: p\nspec: {cedar: 'permit(principal, action, "
		"resource);'}\n---\n"
		"kind: Group\nname: g\nspec: {members: [o]}\n---\n"
		"kind: Person\nname: o\nspec: {rights: [owner]}\n---\n"
		"kind: Team\nname: t\nspec: {}\n---\n";
	REQUIRE_OK(read_one("x.yaml", text, &set, &a, &err), &err);
	static const char *const want[] = { "o", "t", "g", "z-parent", "a-child", "p" };
	REQUIRE(set.n == RV_COUNT(want));
	for (size_t i = 0; i < set.n; i++)
		CHECK_STR(set.items[i].name, want[i]);
	rv_arena_done(&a);
}

TEST(cycles_in_parents)
{
	struct rv_arena a;
	struct rv_manifest_set set;
	struct rv_err err = { 0 };
	RV_AUTO_BUF b;
	rv_buf_init(&b, 1 << 16);
	for (int i = 0; i < 5; i++)
		rv_buf_printf(&b,
			"kind: System\nname: s%d\nspec: {class: agent, owner: o, parent: s%d, "
			"dimensions: {trigger: 1, persistence: 1, autonomy: 1, scope: 1, identity: "
			"1}}\n---\n",
			i, (i + 1) % 5);
	CHECK(read_one("x.yaml", rv_buf_z(&b), &set, &a, &err) == RV_EINVAL);
	CHECKF(strstr(err.msg, "cycle"), "%s", err.msg);
	rv_arena_done(&a);
}

TEST(cedar_and_json_files)
{
	struct rv_arena a;
	struct rv_manifest_set set;
	struct rv_err err = { 0 };
	REQUIRE_OK(
		read_one("d/deploys.cedar", "permit(principal, action, resource);", &set, &a, &err),
		&err);
	CHECK(set.n == 1 && set.items[0].kind == RV_KIND_POLICY);
	CHECK_STR(set.items[0].name, "deploys");
	rv_arena_done(&a);
	CHECK(read_one("Deploys.cedar", "", &set, &a, &err) == RV_EINVAL);
	rv_arena_done(&a);
	rv_err_clear(&err);
	REQUIRE_OK(read_one("x.json",
			   "[{\"kind\":\"Person\",\"name\":\"a\",\"spec\":{}},"
			   "{\"kind\":\"Role\",\"name\":\"r\",\"spec\":{}}]",
			   &set, &a, &err),
		&err);
	CHECK(set.n == 2);
	rv_arena_done(&a);
	CHECK(read_one("x.json", "{\"kind\":\"Person\",\"kind\":\"Role\"}", &set, &a, &err) ==
		RV_EINVAL);
	rv_arena_done(&a);
}

MAIN()
