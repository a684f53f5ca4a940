/* What sha256.c shows to enc.c and to its test. */
#ifndef RV_BASE_ENC_INT_H
#define RV_BASE_ENC_INT_H
#include <openssl/types.h>

#include "base/enc.h"

/* The library's, looked up once. */
const EVP_MD *rv_sha256_md(void);
/* rv_sha256_parts where the processor has no instruction for it. */
void rv_sha256_by_library(const struct rv_str *parts, size_t n_parts, struct rv_sha256 *ret);
#endif
