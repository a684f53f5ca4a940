/* Schemas in both syntaxes, and entities and requests under one. */
#include "tests/cedar/text.h"
#include "tests/harness.h"

static bool has_word(const char *message, struct rv_str words)
{
	if (words.n == 0)
		return true;
	for (struct rv_str part; words.p && rv_str_split(&words, '|', &part);)
		if (memmem(message, strlen(message), part.p, part.n))
			return true;
	return false;
}

typedef cedar_code parse_fn(cedar_str text, cedar_schema **ret, cedar_error *err);

static void run_file(const char *name, parse_fn *parse, size_t at_least)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	struct rv_str rest, head, body;
	size_t n = 0;
	REQUIRE(text_read(&a, name, &rest));
	while (text_case(&rest, &head, &body)) {
		cedar_schema *s = NULL;
		cedar_error e = { .code = CEDAR_OK };
		bool want = rv_str_eqz(head, "ok");
		cedar_code code = parse(cs(body), &s, &e);
		struct rv_str words = rv_str_sub(head, 6, head.n);
		CHECKF((code == CEDAR_OK) == want, "%.*s: %.*s: got %d %s", RV_FMT(head),
			RV_FMT(body), code, e.message);
		if (!want && code != CEDAR_OK)
			CHECKF(e.message[0] &&
					(rv_str_eqz(words, "JSON") || has_word(e.message, words)),
				"%.*s: '%s'", RV_FMT(head), e.message);
		cedar_schema_free(s);
		n++;
	}
	CHECKF(n >= at_least, "%zu cases", n);
}

TEST(cedar_syntax)
{
	run_file("schema.txt", cedar_schema_parse, 120);
}

TEST(json_syntax)
{
	run_file("schema_json.txt", cedar_schema_parse_json, 30);
}

static const char schema_text[] =
	"type Inner = { for?: duration };\n"
	"entity Team;\n"
	"entity Colour enum [\"red\", \"green\"];\n"
	"entity User in [Team] = { name: String, boss?: User, ip?: ipaddr, sum?: decimal,\n"
	"  since?: datetime, friends?: Set<User>, inner?: Inner, colour?: Colour } tags ipaddr;\n"
	"action all;\n"
	"action view in [all] appliesTo { principal: User, resource: [Team], context: { at: "
	"datetime } };\n";

TEST(entities_and_requests_under_a_schema)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	struct rv_str rest, head, body;
	cedar_schema *s = NULL;
	cedar_error e = { .code = CEDAR_OK };
	cedar_scratch *scratch = cedar_scratch_new();
	size_t n = 0;
	REQUIRE(text_read(&a, "schema.entities.txt", &rest) && scratch);
	REQUIRE(cedar_schema_parse(cedar_z(schema_text), &s, &e) == CEDAR_OK);
	while (text_case(&rest, &head, &body)) {
		struct rv_str ents = text_section(body, "entities"),
			      req = text_section(body, "request");
		cedar_entities *es = NULL;
		cedar_request rq;
		e = (cedar_error){ .code = CEDAR_OK };
		cedar_code code = ents.p
			? cedar_entities_parse_json_with(cs(ents), s, &es, &e)
			: cedar_request_parse_json_with(scratch, cs(req), s, &rq, &e);
		bool want = rv_str_eqz(head, "ok");
		CHECKF((code == CEDAR_OK) == want, "%.*s: %.*s: got %d %s", RV_FMT(head),
			RV_FMT(body), code, e.message);
		if (!want)
			CHECKF(has_word(e.message, rv_str_sub(head, 6, head.n)), "%.*s: '%s'",
				RV_FMT(head), e.message);
		cedar_entities_free(es);
		cedar_scratch_clear(scratch);
		n++;
	}
	CHECK(n > 25);
	cedar_scratch_free(scratch);
	cedar_schema_free(s);
}

/* The schema's actions are in the set, with their groups. */
TEST(actions_come_from_the_schema)
{
	cedar_schema *s = NULL;
	cedar_entities *es = NULL;
	cedar_error e = { .code = CEDAR_OK };
	REQUIRE(cedar_schema_parse(cedar_z(schema_text), &s, &e) == CEDAR_OK);
	REQUIRE(cedar_entities_parse_json_with(cedar_z("[]"), s, &es, &e) == CEDAR_OK);
	cedar_schema_free(s); /* the entities keep nothing of it */
	const cedar_uid view = cedar_uid_of(cedar_z("Action"), cedar_z("view")),
			all = cedar_uid_of(cedar_z("Action"), cedar_z("all"));
	CHECK(cedar_entities_count(es) == 2);
	CHECK(cedar_entities_in(es, &view, &all) && !cedar_entities_in(es, &all, &view));
	cedar_entities_free(es);
}

TEST(depth_is_bounded)
{
	char text[100000] = "entity E {a: ";
	size_t n = strlen(text);
	for (int i = 0; i < 10000; i++, n += 4)
		memcpy(text + n, "Set<", 4);
	text[n] = '\0';
	cedar_schema *s = NULL;
	cedar_error e = { .code = CEDAR_OK };
	CHECK(cedar_schema_parse(cedar_z(text), &s, &e) == CEDAR_ELIMIT);
}

MAIN()
