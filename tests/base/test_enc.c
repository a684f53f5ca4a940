#include <sys/wait.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/enc_int.h"
#include "base/uuid.h"
#include "tests/harness.h"

/* RFC 4648 section 10. */
TEST(base64)
{
	static const struct {
		const char *plain, *std, *url;
	} cases[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "\xff\xfe\xfd\xfc", "//79/A==", "__79_A" },
	};
	for (size_t i = 0; i < RV_COUNT(cases); i++) {
		RV_AUTO_BUF b;
		rv_buf_init(&b, 100);
		rv_b64_add(&b, rv_str_of(cases[i].plain));
		CHECK_STR(rv_buf_str(&b), cases[i].std);
		rv_buf_clear(&b);
		rv_b64url_add(&b, rv_str_of(cases[i].plain));
		CHECK_STR(rv_buf_str(&b), cases[i].url);
		uint8_t out[16];
		size_t n;
		CHECK(rv_b64_parse(rv_str_of(cases[i].std), out, sizeof out, &n) &&
			rv_str_eq(rv_str_n(out, n), rv_str_of(cases[i].plain)));
		CHECK(rv_b64url_parse(rv_str_of(cases[i].url), out, sizeof out, &n) &&
			rv_str_eq(rv_str_n(out, n), rv_str_of(cases[i].plain)));
	}
	static const char *const bad[] = { "Zg", "Zg=", "Zh==", "Z===", "Zm9v ", "Zm9v\n", "Zm8-",
		"=Zg=", "Zg==Zg==", "Zm9=" };
	uint8_t out[16];
	size_t n;
	for (size_t i = 0; i < RV_COUNT(bad); i++)
		CHECKF(!rv_b64_parse(rv_str_of(bad[i]), out, sizeof out, &n), "'%s'", bad[i]);
	CHECK(!rv_b64_parse(RV_STR("Zm9v"), out, 2, &n));
	CHECK(!rv_b64url_parse(RV_STR("Zg=="), out, sizeof out, &n));
	CHECK(!rv_b64url_parse(RV_STR("Zg/+"), out, sizeof out, &n));
}

TEST(hex)
{
	uint8_t out[3];
	CHECK(rv_hex_parse(RV_STR("00fFa1"), out, 3) && out[1] == 0xff && out[2] == 0xa1);
	CHECK(!rv_hex_parse(RV_STR("00fFa"), out, 3));
	CHECK(!rv_hex_parse(RV_STR("00fFag"), out, 3));
	char z[7];
	rv_hex_z(out, 3, z);
	CHECK(strcmp(z, "00ffa1") == 0);
}

/* FIPS 180-4 example "abc". */
/* Every length over several blocks, whole and cut in three: what hashes here by instruction is what
 * the library says. */
TEST(sha256_is_the_librarys)
{
	char bytes[300];
	struct rv_sha256 want, got;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		const struct rv_str all = rv_str_n(bytes, n);
		rv_sha256_by_library(&all, 1, &want);
		rv_sha256_of(all, &got);
		CHECK(rv_sha256_eq(&got, &want));
		for (size_t cut = 0; cut <= n; cut += 7) {
			size_t then = cut + (n - cut) / 3;
			const struct rv_str parts[] = { rv_str_sub(all, 0, cut),
				rv_str_sub(all, cut, then), rv_str_sub(all, then, n) };
			rv_sha256_parts(parts, 3, &got);
			CHECK(rv_sha256_eq(&got, &want));
		}
	}
}

TEST(sha256)
{
	struct rv_sha256 whole, parts, streamed;
	char z[65];
	rv_sha256_of(RV_STR("abc"), &whole);
	rv_hex_z(whole.b, 32, z);
	CHECK(strcmp(z, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
	const struct rv_str two[] = { RV_STR("a"), { NULL, 0 }, RV_STR("bc") };
	rv_sha256_parts(two, 3, &parts);
	CHECK(rv_sha256_eq(&whole, &parts));
	struct rv_sha256_ctx *c = rv_sha256_new();
	for (int round = 0; round < 2; round++) {
		rv_sha256_add(c, RV_STR("ab"));
		rv_sha256_add(c, RV_STR("c"));
		rv_sha256_end(c, &streamed);
		CHECK(rv_sha256_eq(&whole, &streamed));
	}
	rv_sha256_free(c);
}

TEST(uuid7)
{
	char before[RV_UUID_SIZE] = "", now[RV_UUID_SIZE];
	for (int i = 0; i < 20000; i++) {
		struct rv_uuid u, back;
		rv_uuid7(INT64_C(1700000000123) * 1000000, &u);
		rv_uuid_format(&u, now);
		CHECKF(strcmp(before, now) < 0, "%s then %s", before, now);
		CHECK(u.b[6] >> 4 == 7 && u.b[8] >> 6 == 2);
		CHECK(rv_uuid_parse(rv_str_of(now), &back) && memcmp(&u, &back, 16) == 0);
		memcpy(before, now, sizeof now);
	}
	struct rv_uuid u;
	CHECK(!rv_uuid_parse(RV_STR("018BCFE5-687B-7000-8000-000000000000"), &u));
	CHECK(!rv_uuid_parse(RV_STR("018bcfe5687b-7000-8000-0000000000000"), &u));
	CHECK(!rv_uuid_parse(RV_STR(""), &u));
}

/* Small wants come from a page drawn at once: none twice, not across its end, not after a fork. */
TEST(random_bytes)
{
	static uint8_t seen[1000][16];
	for (size_t i = 0; i < RV_COUNT(seen); i++) {
		rv_random(seen[i], sizeof seen[i]);
		for (size_t k = 0; k < i; k++)
			CHECK(memcmp(seen[i], seen[k], sizeof seen[i]) != 0);
	}
	uint8_t big[5000] = { 0 }, zero[5000] = { 0 }, ours[32], theirs[32];
	rv_random(big, sizeof big);
	CHECK(memcmp(big + 4000, zero, 1000) != 0);
	int fds[2];
	REQUIRE(pipe(fds) == 0);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		rv_random(theirs, sizeof theirs);
		_exit(write(fds[1], theirs, sizeof theirs) == (ssize_t)sizeof theirs ? 0 : 1);
	}
	rv_random(ours, sizeof ours);
	CHECK(read(fds[0], theirs, sizeof theirs) == (ssize_t)sizeof theirs);
	CHECK(memcmp(ours, theirs, sizeof ours) != 0);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	(void)close(fds[0]); /* only read from */
	(void)close(fds[1]);
}

MAIN()
