/* Policies held against reeve.cedarschema. */
#include "governance/policy_schema.h"
#include "tests/harness.h"

struct row {
	const char *text, *want; /* the first error with its place, or all warnings; "": fine */
};

static void run(const struct row *row)
{
	RV_AUTO_ARENA a;
	struct rv_err err = { 0 };
	const struct rv_str *warnings = NULL;
	size_t n = 0;
	char msg[900];
	RV_AUTO_BUF got;
	rv_arena_init(&a, 1 << 26);
	rv_buf_init(&got, 1 << 16);
	enum rv_code code =
		rv_policy_validate(&a, RV_STR("f"), rv_str_of(row->text), &warnings, &n, &err);
	if (code != RV_OK)
		rv_buf_printf(&got, "%u:%u %s", err.line, err.col, err.msg);
	for (size_t i = 0; code == RV_OK && i < n; i++)
		rv_buf_printf(&got, "%s%.*s", i ? "\n" : "", RV_FMT(warnings[i]));
	CHECKF(rv_str_eqz(rv_buf_str(&got), row->want), "%s: got '%s' (%s)", row->text,
		rv_buf_z(&got), rv_err_text(&err, msg, sizeof msg));
}

#define P "permit (principal, action, resource) "
#define NEVER                                                                                      \
	"the policy holds for no request that the schema allows, unless what it tests with 'has' " \
	"is given beyond the schema [impossible-policy]"

TEST(table)
{
	static const struct row rows[] = {
		{ P ";", "" },
		{ "", "" },
		/* actions of any name, and what their effects are */
		{ "permit (principal, action == Reeve::Action::\"say \\\"x\\\"\", resource);", "" },
		{ "permit (principal, action in Reeve::Action::\"external\", resource);", "" },
		{ "permit (principal, action in [Reeve::Action::\"read\", Reeve::Action::\"any "
		  "other "
		  "action\"], resource);",
			"" },
		{ "permit (principal, action == Acme::Action::\"ship\", resource);", "" },
		{ "permit (principal, action in [Reeve::Action::\"read\", Acme::Action::\"ship\"], "
		  "resource);",
			"1:1 policy 'f#0': the elements of a set must have types that go together, "
			"but Reeve::Action and Acme::Action do not; entities of different types "
			"never go together, whatever their attributes [incompatible-types]" },
		{ "permit (principal, action == Reeve::Action::\"use\", resource);", "" },
		{ "forbid (principal, action, resource) unless { action in Reeve::Action::\"read\" "
		  "};",
			"" },
		{ P "when { action in Reeve::Action::\"read\" && resource.nothing };",
			"1:80 policy 'f#0': there is no attribute 'nothing' of Reeve::Resource "
			"[unknown-attribute]" },
		{ P "unless { action in Reeve::Action::\"destructive\" || resource.nothing };",
			"1:89 policy 'f#0': there is no attribute 'nothing' of Reeve::Resource "
			"[unknown-attribute]" },
		/* kinds of one's own have the shape of Reeve::Resource */
		{ "permit (principal, action, resource is Acme::Crate) when { resource.kind == "
		  "\"x\" "
		  "&& resource has owner && resource.owner.active };",
			"" },
		{ "permit (principal, action, resource is A::B::C in Reeve::Collection::\"c\");",
			"" },
		{ "permit (principal, action, resource is Acme::Crate) when { resource.weight > 3 "
		  "};",
			"1:60 policy 'f#0': there is no attribute 'weight' of Acme::Crate "
			"[unknown-attribute]" },
		{ "permit (principal is Acme::Robot, action, resource);",
			"1:1 policy 'f#0': no action of the schema applies to the principals and "
			"resources of this scope [inapplicable-scope]" },
		/* types of Reeve's, and bare ones */
		{ "permit (principal in Reeve::Teem::\"t\", action, resource);",
			"1:22 policy 'f#0': entity type 'Reeve::Teem' is not in the schema; did "
			"you "
			"mean 'Reeve::Team'? [unknown-entity-type]" },
		{ "permit (principal in Team::\"t\", action, resource);",
			"1:22 policy 'f#0': entity type 'Team' is not in the schema "
			"[unknown-entity-type]" },
		/* what is declared, and what only a test may find */
		{ P "when { context.amount.lessThan(decimal(\"5.0\")) };",
			"1:45 policy 'f#0': attribute 'amount' of the context of "
			"Reeve::Action::\"any other action\" is optional; it may be read only "
			"where it "
			"is known to be there; test it first: 'context has amount && …' "
			"[unguarded-attribute]" },
		{ P "when { context has amount && context.amount.lessThan(decimal(\"5.0\")) };",
			"" },
		{ P "when { context has ticket && context.ticket == 7 };",
			"1:1 policy 'f#0': " NEVER },
		{ "\n\n  @id(\"a\") " P "when { resource has colour && resource.colour == \"red\" "
		  "};",
			"3:3 policy 'a': " NEVER },
		{ P "when { resource has colour || resource.known };", "" },
		/* text */
		{ P "when { resource.kind == \"s\xd0\xb5rvice\" };",
			"1:62 policy 'f#0': the string \"s\\u{435}rvice\" mixes scripts: U+0435 is "
			"of "
			"another than what stands before it [mixed-script-string]" },
		{ P "when", "1:42 unexpected end of input; expected '{'" },
		{ "permit (principal == ?principal, action, resource);",
			"1:1 a template where only static policies may stand" },
	};
	for (size_t i = 0; i < RV_COUNT(rows); i++)
		run(&rows[i]);
}

MAIN()
