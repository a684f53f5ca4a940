/* Pins as the gateway uses them: what was seen of a server, and whether a person approved just
 * that. One thread. */
#ifndef RV_POINTS_MCP_PIN_H
#define RV_POINTS_MCP_PIN_H
#include "points/mcp/mcp.h"

/* The program of a server is pinned like a tool, under this name, which no tool can have. */
#define RV_MCP_PROGRAM ""

struct rv_mcp_seen {
	struct rv_str tool;
	struct rv_str definition; /* canonical */
};
/* Takes note of all that a server offers (its program included) and keeps it in the folder if it is
 * new. Errors: RV_EIO. */
RV_MUST_USE enum rv_code rv_mcp_pins_see(struct rv_mcp_pins *p, struct rv_str server,
	const struct rv_mcp_seen *seen, size_t n, struct rv_err *err);
/* RV_MCP_PIN_APPROVED when exactly this definition was approved. */
enum rv_mcp_pin_state rv_mcp_pins_check(const struct rv_mcp_pins *p, struct rv_str server,
	struct rv_str tool, struct rv_str definition);
/* Reads the approvals again if their file changed; true when it had. A file that cannot be read
 * approves nothing. */
bool rv_mcp_pins_refresh(struct rv_mcp_pins *p);
/* A tool's whole definition in canonical form: name, description, schemas, annotations, title and
 * whatever else a model or a person might read of it. Errors: RV_EINVAL no name, or numbers without
 * one spelling. */
RV_MUST_USE enum rv_code rv_mcp_tool_canonical(
	const struct rv_json *tool, struct rv_buf *out, struct rv_err *err);
#endif
