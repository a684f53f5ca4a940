/* Answers one request with libcedar, and nothing else of ours:
 *     cc authorize.c $(pkg-config --cflags --libs libcedar) && ./a.out
 * Prints the decision and the policies behind it; exit status 0 allow, 2 deny, 1 error. */
#include <cedar.h>
#include <stdio.h>

static const char policies[] =
	"@id(\"ops\") permit(principal in Team::\"ops\", action == Action::\"deploy\", resource)\n"
	"  when { resource.risk <= 3 };\n"
	"@id(\"frozen\") forbid(principal, action, resource) when { context.frozen };\n";
static const char entities[] = "[{\"uid\": {\"type\": \"User\", \"id\": \"ann\"}, \"attrs\": {},"
			       "  \"parents\": [{\"type\": \"Team\", \"id\": \"ops\"}]},"
			       " {\"uid\": {\"type\": \"Service\", \"id\": \"shop\"}, \"attrs\": "
			       "{\"risk\": 2}, \"parents\": []}]";
static const char request[] =
	"{\"principal\": \"User::\\\"ann\\\"\", \"action\": \"Action::\\\"deploy\\\"\","
	" \"resource\": \"Service::\\\"shop\\\"\", \"context\": {\"frozen\": false}}";

int main(void)
{
	cedar_error err = { .code = CEDAR_OK };
	cedar_source source = { .text = cedar_z(policies), .use_id_annotation = true };
	cedar_policies *ps = NULL;
	cedar_entities *es = NULL;
	cedar_scratch *scratch = cedar_scratch_new();
	cedar_request rq;
	cedar_answer answer = { .decision = CEDAR_DENY };
	if (!scratch || cedar_policies_new(&source, 1, NULL, &ps, NULL, &err) != CEDAR_OK ||
		cedar_entities_parse_json(cedar_z(entities), &es, &err) != CEDAR_OK ||
		cedar_request_parse_json(scratch, cedar_z(request), &rq, &err) != CEDAR_OK)
		fprintf(stderr, "%u:%u: %s\n", err.line, err.column, err.message);
	else
		cedar_authorize(ps, es, &rq, scratch, &answer);
	printf("%s\n", answer.decision == CEDAR_ALLOW ? "allow" : "deny");
	for (size_t i = 0; i < answer.n_permits; i++) {
		cedar_str id = cedar_policy_at(ps, answer.permits[i])->id;
		printf("  permit %.*s\n", (int)id.n, id.p);
	}
	cedar_policies_free(ps);
	cedar_entities_free(es);
	cedar_scratch_free(scratch);
	return err.code != CEDAR_OK ? 1 : answer.decision == CEDAR_ALLOW ? 0 : 2;
}
