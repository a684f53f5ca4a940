/* Certificates made on the spot. */
#ifndef RV_TESTS_HTTP_CERT_H
#define RV_TESTS_HTTP_CERT_H
#include <stdbool.h>

/* A self-signed one for 127.0.0.1 and localhost with its key, as PEM files. expired: ended
 * yesterday. */
bool cert_make(const char *cert_path, const char *key_path, bool expired);
#endif
