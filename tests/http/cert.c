#include "tests/http/cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static bool add_san(X509 *x)
{
	X509_EXTENSION *e =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
	bool ok = e && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool write_pem(const char *path, X509 *x, EVP_PKEY *key)
{
	FILE *f = fopen(path, "we");
	if (!f)
		return false;
	bool ok = x ? PEM_write_X509(f, x) == 1
		    : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
	return fclose(f) == 0 && ok;
}

bool cert_make(const char *cert_path, const char *key_path, bool expired)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	bool ok = key && x && X509_set_version(x, 2) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(x), 7) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(x), -172800) &&
		X509_gmtime_adj(X509_getm_notAfter(x), expired ? -86400 : 86400) &&
		X509_set_pubkey(x, key) == 1 &&
		X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0) == 1 &&
		X509_set_issuer_name(x, name) == 1 && add_san(x) &&
		X509_sign(x, key, EVP_sha256()) > 0 && write_pem(cert_path, x, NULL) &&
		write_pem(key_path, NULL, key);
	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}
