/* OCSF 1.8. Which class and activity an event is stands in one table; the first row that fits
 * counts. What OCSF has no place for is whole under "unmapped". */
#include <stdio.h>

#include "base/enc.h"
#include "export/export_int.h"

enum {
	AUTHENTICATION = 3002,
	AUTHORIZE_SESSION = 3003,
	ENTITY_MANAGEMENT = 3004,
	DETECTION_FINDING = 2004,
	APPLICATION_LIFECYCLE = 6002,
	API_ACTIVITY = 6003,
	DATASTORE_ACTIVITY = 6005,
};

/* kind: exact, or the beginning when it ends in '.' or is empty. */
static const struct row {
	const char *kind;
	int class_uid, activity;
	const char *activity_name, *class_name;
} rows[] = {
	{ "session.opened", AUTHENTICATION, 1, "Logon", "Authentication" },
	{ "session.closed", AUTHENTICATION, 2, "Logoff", "Authentication" },
	{ "session.refused", AUTHENTICATION, 1, "Logon", "Authentication" },
	{ "approval.approved", AUTHORIZE_SESSION, 1, "Assign Privileges", "Authorize Session" },
	{ "breakglass.used", AUTHORIZE_SESSION, 1, "Assign Privileges", "Authorize Session" },
	{ "finding.", DETECTION_FINDING, 1, "Create", "Detection Finding" },
	{ "escalation.", DETECTION_FINDING, 1, "Create", "Detection Finding" },
	{ "limit.exceeded", DETECTION_FINDING, 1, "Create", "Detection Finding" },
	{ "service.started", APPLICATION_LIFECYCLE, 3, "Start", "Application Lifecycle" },
	{ "service.stopped", APPLICATION_LIFECYCLE, 4, "Stop", "Application Lifecycle" },
	{ "service.", APPLICATION_LIFECYCLE, 99, "Other", "Application Lifecycle" },
	{ "registry.created", ENTITY_MANAGEMENT, 1, "Create", "Entity Management" },
	{ "registry.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "policy.removed", ENTITY_MANAGEMENT, 4, "Delete", "Entity Management" },
	{ "policy.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "point.registered", ENTITY_MANAGEMENT, 6, "Enroll", "Entity Management" },
	{ "point.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "credential.issued", ENTITY_MANAGEMENT, 1, "Create", "Entity Management" },
	{ "credential.revoked", ENTITY_MANAGEMENT, 4, "Delete", "Entity Management" },
	{ "credential.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "secret.destroyed", ENTITY_MANAGEMENT, 4, "Delete", "Entity Management" },
	{ "lifecycle.submitted", ENTITY_MANAGEMENT, 6, "Enroll", "Entity Management" },
	{ "lifecycle.activated", ENTITY_MANAGEMENT, 10, "Activate", "Entity Management" },
	{ "lifecycle.suspended", ENTITY_MANAGEMENT, 12, "Suspend", "Entity Management" },
	{ "lifecycle.frozen", ENTITY_MANAGEMENT, 12, "Suspend", "Entity Management" },
	{ "lifecycle.resumed", ENTITY_MANAGEMENT, 13, "Resume", "Entity Management" },
	{ "lifecycle.thawed", ENTITY_MANAGEMENT, 13, "Resume", "Entity Management" },
	{ "lifecycle.retired", ENTITY_MANAGEMENT, 7, "Unenroll", "Entity Management" },
	{ "lifecycle.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "approval.opened", ENTITY_MANAGEMENT, 1, "Create", "Entity Management" },
	{ "approval.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "limit.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "review.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
	{ "admin.person_created", ENTITY_MANAGEMENT, 1, "Create", "Entity Management" },
	{ "admin.", ENTITY_MANAGEMENT, 3, "Update", "Entity Management" },
};

/* Actions on data: by what they do to it. */
static const struct {
	const char *effect;
	int api, datastore;
	const char *api_name, *datastore_name;
} effects[] = {
	{ "read", 2, 1, "Read", "Read" },
	{ "write", 3, 5, "Update", "Write" },
	{ "create", 1, 6, "Create", "Create" },
	{ "delete", 4, 7, "Delete", "Delete" },
	{ "", 99, 99, "Other", "Other" },
};
static const char *const stores[] = { "db", "database", "dataset", "table", "bucket", "collection",
	"datastore" };

static bool is_store(struct rv_str type)
{
	for (size_t i = 0; i < RV_COUNT(stores); i++)
		if (rv_str_eqz(type, stores[i]))
			return true;
	return false;
}

static struct row classify(const struct rv_export_event *e)
{
	struct rv_str kind = rv_xstr(e->event, "kind"), effect = rv_xstr(e->event, "effect");
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		struct rv_str k = rv_str_of(rows[i].kind);
		if (k.p[k.n - 1] == '.' ? rv_str_starts(kind, k) : rv_str_eq(kind, k))
			return rows[i];
	}
	size_t i = 0;
	while (effects[i].effect[0] && !rv_str_eqz(effect, effects[i].effect))
		i++;
	if (is_store(rv_xstr(rv_json_get(e->event, "resource"), "type")))
		return (struct row){ "", DATASTORE_ACTIVITY, effects[i].datastore,
			effects[i].datastore_name, "Datastore Activity" };
	return (struct row){ "", API_ACTIVITY, effects[i].api, effects[i].api_name,
		"API Activity" };
}

/* ---- parts ---- */

static void put_metadata(struct rv_json_w *w, const struct rv_export_event *e, bool is_action)
{
	rv_json_w_name(w, "metadata");
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "version", "1.8.0");
	rv_json_w_kv_str(w, "uid", rv_xstr(e->event, "id"));
	rv_json_w_kv_i64(w, "sequence", (int64_t)e->entry->seq);
	rv_json_w_kv_str(w, "log_name", e->origin);
	rv_json_w_kv_i64(w, "logged_time", e->entry->logged_ns / RV_NS_PER_MS);
	rv_xkv(w, "correlation_uid", rv_xstr(e->event, "trace"));
	rv_json_w_name(w, "product");
	rv_json_w_obj(w);
	rv_json_w_kv_strz(w, "name", "Reeve");
	rv_json_w_kv_strz(w, "vendor_name", "Reeve");
	rv_json_w_kv_strz(w, "version", RV_VERSION);
	rv_json_w_obj_end(w);
	rv_json_w_name(w, "profiles");
	rv_json_w_arr(w);
	if (is_action) {
		rv_json_w_strz(w, "ai_operation");
		rv_json_w_strz(w, "security_control");
	}
	rv_json_w_arr_end(w);
	rv_json_w_obj_end(w);
}

static void put_user(struct rv_json_w *w, const char *name, struct rv_str uid, struct rv_str type)
{
	rv_json_w_name(w, name);
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "uid", uid.n ? uid : RV_STR("unknown"));
	rv_json_w_kv_str(w, "name", uid.n ? uid : RV_STR("unknown"));
	rv_json_w_kv_i64(w, "type_id", rv_str_eqz(type, "person") ? 1 : 99);
	rv_xkv(w, "type", type);
	rv_json_w_obj_end(w);
}

static void put_actor(struct rv_json_w *w, const struct rv_export_event *e)
{
	const struct rv_json *a = rv_json_get(e->event, "actor");
	struct rv_str system = rv_xstr(e->event, "system"), session = rv_xstr(e->event, "session");
	rv_json_w_name(w, "actor");
	rv_json_w_obj(w);
	put_user(w, "user", rv_xstr(a, "id"), rv_xstr(a, "type"));
	rv_xkv(w, "app_uid", system);
	rv_xkv(w, "app_name", system);
	if (session.n > 0) {
		rv_json_w_name(w, "session");
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "uid", session);
		rv_json_w_obj_end(w);
	}
	rv_json_w_obj_end(w);
}

static void put_api(struct rv_json_w *w, const struct rv_export_event *e)
{
	rv_json_w_name(w, "api");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "operation", rv_xstr(e->event, "action"));
	rv_json_w_name(w, "request");
	rv_json_w_obj(w);
	struct rv_str request = rv_xstr(e->event, "request");
	rv_json_w_kv_str(w, "uid", request.n ? request : rv_xstr(e->event, "id"));
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
}

static void put_resource(struct rv_json_w *w, const struct rv_export_event *e, int class_uid)
{
	const struct rv_json *r = rv_json_get(e->event, "resource");
	struct rv_str type = rv_xstr(r, "type"), id = rv_xstr(r, "id");
	if (class_uid == DATASTORE_ACTIVITY) {
		bool is_table = rv_str_eqz(type, "table"), is_bucket = rv_str_eqz(type, "bucket");
		rv_json_w_name(w, is_table ? "table" : is_bucket ? "databucket" : "database");
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "uid", id);
		rv_json_w_kv_str(w, "name", id);
		if (!is_table) {
			rv_json_w_kv_i64(w, "type_id", 99);
			rv_json_w_kv_str(w, "type", type);
		}
		rv_json_w_obj_end(w);
		return;
	}
	rv_json_w_name(w, "resources");
	rv_json_w_arr(w);
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "uid", id);
	rv_json_w_kv_str(w, "type", type);
	rv_json_w_obj_end(w);
	rv_json_w_arr_end(w);
}

static void put_endpoint(struct rv_json_w *w, const struct rv_export_event *e)
{
	struct rv_str point = rv_xstr(e->event, "point");
	rv_json_w_name(w, "src_endpoint");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "name", point.n ? point : RV_STR("reeve"));
	rv_json_w_obj_end(w);
}

/* ai_operation, security_control. */
static void put_control(struct rv_json_w *w, const struct rv_export_event *e)
{
	struct rv_str o = rv_xstr(e->event, "outcome");
	const struct rv_json *reasons = rv_json_get(e->event, "reasons");
	bool is_allow = rv_str_eqz(o, "allow"), is_deny = rv_str_eqz(o, "deny");
	rv_json_w_name(w, "message_context");
	rv_json_w_obj(w);
	rv_json_w_kv_i64(w, "ai_role_id", 0);
	rv_json_w_name(w, "application");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "name", rv_xstr(e->event, "system"));
	rv_json_w_obj_end(w);
	rv_json_w_obj_end(w);
	if (o.n == 0)
		return;
	rv_json_w_kv_i64(w, "action_id", is_allow ? 1 : is_deny ? 2 : 99);
	rv_json_w_kv_str(w, "action",
		is_allow	  ? RV_STR("Allowed")
			: is_deny ? RV_STR("Denied")
				  : o);
	rv_json_w_kv_i64(w, "disposition_id", is_allow ? 1 : is_deny ? 2 : 99);
	rv_json_w_name(w, "authorizations");
	rv_json_w_arr(w);
	for (size_t i = 0; rv_json_is(reasons, RV_JSON_ARR) && i < reasons->n_items; i++) {
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "decision", o);
		rv_json_w_name(w, "policy");
		rv_json_w_obj(w);
		rv_xkv(w, "uid", rv_xstr(reasons->items[i], "policy"));
		rv_xkv(w, "desc", rv_xstr(reasons->items[i], "text"));
		rv_json_w_obj_end(w);
		rv_json_w_obj_end(w);
	}
	rv_json_w_arr_end(w);
}

/* What the class demands besides. */
static void put_subject(struct rv_json_w *w, const struct rv_export_event *e, int class_uid)
{
	const struct rv_json *r = rv_json_get(e->event, "resource");
	const struct rv_json *a = rv_json_get(e->event, "actor");
	struct rv_str system = rv_xstr(e->event, "system"), kind = rv_xstr(e->event, "kind");
	struct rv_str id = r ? rv_xstr(r, "id") : system.n ? system : rv_xstr(a, "id");
	switch (class_uid) {
	case ENTITY_MANAGEMENT:
		rv_json_w_name(w, "entity");
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "uid", id);
		rv_json_w_kv_str(w, "name", id);
		rv_json_w_kv_str(w, "type",
			r		   ? rv_xstr(r, "type")
				: system.n ? RV_STR("ai_system")
					   : RV_STR("person"));
		rv_json_w_obj_end(w);
		break;
	case AUTHORIZE_SESSION:
	case AUTHENTICATION:
		put_user(w, "user", system.n ? system : rv_xstr(a, "id"),
			system.n ? RV_STR("system") : rv_xstr(a, "type"));
		break;
	case DETECTION_FINDING:
		rv_json_w_name(w, "finding_info");
		rv_json_w_obj(w);
		rv_json_w_kv_str(w, "uid", rv_xstr(e->event, "id"));
		rv_json_w_kv_str(w, "title", kind);
		rv_json_w_obj_end(w);
		break;
	case APPLICATION_LIFECYCLE:
		rv_json_w_name(w, "app");
		rv_json_w_obj(w);
		rv_json_w_kv_strz(w, "name", "Reeve");
		rv_json_w_kv_strz(w, "vendor_name", "Reeve");
		rv_json_w_kv_strz(w, "version", RV_VERSION);
		rv_json_w_obj_end(w);
		break;
	default:
		put_api(w, e);
		put_resource(w, e, class_uid);
		put_endpoint(w, e);
		put_control(w, e);
	}
}

/* Fields of OCSF 1.9's record_integrity, which is not released: under unmapped until it is. */
static void put_unmapped(struct rv_json_w *w, const struct rv_export_event *e)
{
	char hex[65];
	rv_hex_z(e->entry->hash.b, 32, hex);
	rv_json_w_name(w, "unmapped");
	rv_json_w_obj(w);
	rv_json_w_name(w, "attestation");
	rv_json_w_obj(w);
	rv_json_w_kv_str(w, "chain_uid", e->origin);
	rv_json_w_kv_i64(w, "leaf", (int64_t)e->entry->seq);
	rv_json_w_kv_strz(w, "fingerprint", hex);
	rv_json_w_obj_end(w);
	rv_json_w_name(w, "reeve");
	rv_json_w_raw(w, e->entry->event);
	rv_json_w_obj_end(w);
}

void rv_export_ocsf(const struct rv_export_event *e, struct rv_buf *out)
{
	struct row c = classify(e);
	struct rv_json_w w;
	char text[400];
	struct rv_str o = rv_xstr(e->event, "outcome"), kind = rv_xstr(e->event, "kind");
	bool is_action = c.class_uid == API_ACTIVITY || c.class_uid == DATASTORE_ACTIVITY;
	bool is_bad = rv_str_eqz(o, "deny") || rv_str_eqz(kind, "session.refused");
	bool is_finding = c.class_uid == DETECTION_FINDING;
	rv_json_w_init(&w, out);
	rv_json_w_obj(&w);
	rv_json_w_kv_i64(&w, "category_uid", c.class_uid / 1000);
	rv_json_w_kv_i64(&w, "class_uid", c.class_uid);
	rv_json_w_kv_strz(&w, "class_name", c.class_name);
	rv_json_w_kv_i64(&w, "activity_id", c.activity);
	rv_json_w_kv_strz(&w, "activity_name", c.activity_name);
	rv_json_w_kv_i64(&w, "type_uid", (int64_t)c.class_uid * 100 + c.activity);
	rv_json_w_kv_i64(&w, "time", rv_xtime(e) / RV_NS_PER_MS);
	rv_json_w_kv_i64(&w, "severity_id", is_finding ? 3 : is_bad ? 2 : 1);
	rv_json_w_kv_i64(&w, "status_id", is_bad ? 2 : 1);
	snprintf(text, sizeof text, "%.*s %.*s %.*s", RV_FMT(kind),
		RV_FMT(rv_xstr(e->event, "system")), RV_FMT(rv_xstr(e->event, "action")));
	rv_json_w_kv_str(&w, "message", rv_str_trim(rv_str_of(text)));
	put_metadata(&w, e, is_action);
	put_actor(&w, e);
	put_subject(&w, e, c.class_uid);
	put_unmapped(&w, e);
	rv_json_w_obj_end(&w);
}
