#include "points/mcp/mcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* mcp.yaml: what is taken can be started from. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	RV_AUTO_ARENA a = { 0 };
	const struct rv_mcp_conf *c;
	struct rv_err err = { 0 };
	rv_arena_init(&a, 1 << 24);
	if (rv_mcp_conf_read(&a, rv_str_n(data, n), "fuzz", &c, &err) != RV_OK) {
		rv_assert(err.code != RV_OK && err.msg[0] != '\0');
		return 0;
	}
	rv_assert(c->n_servers > 0 && c->socket.p[0] == '/' && c->state.p[0] == '/');
	for (size_t i = 0; i < c->n_servers; i++) {
		const struct rv_mcp_server *s = &c->servers[i];
		rv_assert(s->n_argv > 0 && s->argv[0].p[0] == '/' &&
			strlen(s->argv[0].p) == s->argv[0].n);
		rv_assert(rv_mcp_server_find(c, s->name) != NULL);
	}
	return 0;
}
