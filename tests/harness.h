/* A test program: TEST(name) { CHECK(...); } ... MAIN(). Prints TAP, so that meson counts each
 * case. SKIP("why") leaves a case out and says so. With CI=true a skip counts as a failure unless
 * tests/skip.allow names it (tests/run decides that, not the program). */
#ifndef RV_TESTS_HARNESS_H
#define RV_TESTS_HARNESS_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct test_case {
	const char *name;
	void (*run)(void);
};
extern struct test_case test_cases[];
extern int test_n;
extern int test_failures;
extern const char *test_skip;

void test_add(const char *name, void (*run)(void));
int test_main(int argc, char **argv);
void test_fail(const char *file, int line, const char *fmt, ...) RV_PRINTF(3, 4);

#define TEST(name)                                                     \
	static void test_##name(void);                                 \
	__attribute__((constructor)) static void test_add_##name(void) \
	{                                                              \
		test_add(#name, test_##name);                          \
	}                                                              \
	static void test_##name(void)
#define CHECK(x) ((x) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #x))
/* With a message that tells the row or the values. */
#define CHECKF(x, ...) ((x) ? (void)0 : test_fail(__FILE__, __LINE__, __VA_ARGS__))
/* Ends the case at once. */
#define REQUIRE(x)                                               \
	do {                                                     \
		if (!(x)) {                                      \
			test_fail(__FILE__, __LINE__, "%s", #x); \
			return;                                  \
		}                                                \
	} while (0)
#define REQUIRE_OK(call, err)                                                                  \
	do {                                                                                   \
		enum rv_code code_ = (call);                                                   \
		if (code_ != RV_OK) {                                                          \
			char text_[900];                                                       \
			test_fail(__FILE__, __LINE__, "%s: %s %s", #call, rv_code_name(code_), \
				rv_err_text((err), text_, sizeof text_));                      \
			return;                                                                \
		}                                                                              \
	} while (0)
#define CHECK_STR(got, want)                                                            \
	do {                                                                            \
		struct rv_str got_ = (got), want_ = rv_str_of(want);                    \
		CHECKF(rv_str_eq(got_, want_), "%s: got \"%.*s\", want \"%.*s\"", #got, \
			RV_FMT(got_), RV_FMT(want_));                                   \
	} while (0)
#define SKIP(why)                  \
	do {                       \
		test_skip = (why); \
		return;            \
	} while (0)
#define MAIN()                                \
	int main(int argc, char **argv)       \
	{                                     \
		return test_main(argc, argv); \
	}
#endif
