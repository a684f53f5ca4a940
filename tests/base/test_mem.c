#include "base/arena.h"
#include "base/buf.h"
#include "base/rd.h"
#include "tests/harness.h"

TEST(arena_limit)
{
	for (size_t limit = 4095; limit <= 4097; limit++) {
		RV_AUTO_ARENA a;
		rv_arena_init(&a, limit);
		void *p = rv_arena_alloc(&a, 4096);
		CHECKF((p != NULL) == (limit >= 4096), "limit %zu", limit);
	}
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 16);
	CHECK(!rv_arena_alloc(&a, SIZE_MAX));
	CHECK(!rv_arena_array(&a, SIZE_MAX / 2, 4));
	CHECK(rv_arena_alloc(&a, 0));
}

/* At the end of the memory it was lent, and one byte beyond. */
TEST(buffer_on_borrowed_memory)
{
	for (size_t n = 7; n <= 9; n++) {
		char mem[8];
		RV_AUTO_BUF b;
		rv_buf_init_on(&b, mem, sizeof mem, 64);
		for (size_t i = 0; i < n; i++)
			rv_buf_addc(&b, (char)('a' + i));
		CHECKF((b.p == mem) == (n <= sizeof mem), "%zu bytes", n);
		CHECKF(rv_str_eq(rv_buf_str(&b), rv_str_n("abcdefghi", n)), "%zu bytes", n);
		rv_buf_add(&b,
			rv_str_n("0123456789012345678901234567890123456789012345678901234", 55));
		CHECK(b.n == n + 55 && rv_buf_ok(&b, NULL) == RV_OK);
		rv_buf_add(&b, RV_STR("12345678"));
		CHECK(rv_buf_ok(&b, NULL) == RV_ELIMIT);
	}
}

TEST(arena_reuse)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 20);
	void *first = rv_arena_alloc(&a, 100);
	REQUIRE(first);
	memset(first, 7, 100);
	for (int i = 0; i < 100; i++) {
		REQUIRE(rv_arena_alloc(&a, 1000));
	}
	rv_arena_clear(&a);
	char *again = rv_arena_alloc(&a, 100);
	CHECK(again == first && again[99] == 0);
	CHECK(((uintptr_t)again & 15) == 0);
	struct rv_str s = rv_arena_str(&a, RV_STR("x\0y"));
	CHECK(s.n == 3 && s.p[3] == '\0' && s.p[2] == 'y');
	CHECK(strcmp(rv_arena_printf(&a, "%d-%s", 4, "b"), "4-b") == 0);
}

/* Room for a whole round stays, in one block, unless it is more than may be kept. */
TEST(arena_keeps_what_a_round_took)
{
	RV_AUTO_ARENA a;
	rv_arena_init(&a, 1 << 24);
	for (int i = 0; i < 100; i++)
		REQUIRE(rv_arena_alloc(&a, 1000));
	size_t taken = a.used_bytes;
	rv_arena_reuse(&a, taken);
	CHECK(a.used_bytes == taken && (size_t)(a.end - a.at) == taken);
	char *first = rv_arena_alloc(&a, 1000);
	for (int i = 0; i < 99; i++)
		REQUIRE(rv_arena_alloc(&a, 1000));
	CHECK(a.used_bytes == taken);
	rv_arena_reuse(&a, taken);
	CHECK(rv_arena_alloc(&a, 1000) == first);
	while (a.used_bytes == taken)
		REQUIRE(rv_arena_alloc(&a, 1000));
	rv_arena_reuse(&a, taken);
	CHECK(a.used_bytes <= taken);
	rv_arena_done(&a);
	rv_arena_reuse(&a, taken);
	CHECK(a.used_bytes == 0 && a.limit_bytes == 1 << 24);
}

TEST(buffer_limit)
{
	RV_AUTO_BUF b;
	rv_buf_init(&b, 5);
	rv_buf_addz(&b, "abcde");
	CHECK(rv_buf_ok(&b, NULL) == RV_OK);
	rv_buf_addc(&b, 'f');
	struct rv_err err = { 0 };
	CHECK(rv_buf_ok(&b, &err) == RV_ELIMIT);
	rv_buf_addz(&b, ""); /* stays failed */
	CHECK(b.failed && strcmp(rv_buf_z(&b), "") == 0);
	rv_buf_clear(&b);
	rv_buf_add_i64(&b, -42);
	CHECK(strcmp(rv_buf_z(&b), "-42") == 0);
	RV_AUTO_BUF c;
	rv_buf_init(&c, 64);
	rv_buf_add_i64(&c, INT64_MIN);
	rv_buf_add_u64(&c, UINT64_MAX);
	rv_buf_printf(&c, "%c%s", '/', "z");
	CHECK(strcmp(rv_buf_z(&c), "-922337203685477580818446744073709551615/z") == 0);
}

TEST(cursor)
{
	struct rv_rd r = rv_rd_of(RV_STR("\x01\x02\x03\x04\x05"));
	CHECK(rv_rd_le(&r, 2) == 0x0201 && rv_rd_be(&r, 2) == 0x0304 && !r.failed);
	CHECK(rv_rd_le(&r, 2) == 0 && r.failed);
	CHECK(rv_rd_take(&r, 1).p == NULL); /* stays failed although a byte is left */
}

MAIN()
