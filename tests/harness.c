#include "tests/harness.h"

#include <stdarg.h>

enum { TESTS_MAX = 1024 };
struct test_case test_cases[TESTS_MAX];
int test_n;
int test_failures;
const char *test_skip;

void test_add(const char *name, void (*run)(void))
{
	rv_assert(test_n < TESTS_MAX);
	test_cases[test_n++] = (struct test_case){ name, run };
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	test_failures++;
	char text[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	printf("# %s:%d: ", file, line);
	for (const char *p = text; *p; p++) {
		putchar(*p);
		if (*p == '\n')
			fputs("# ", stdout); /* TAP knows comments of one line only */
	}
	putchar('\n');
}

/* Arguments pick cases whose names contain one of them. */
static int is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return 1;
	return argc < 2;
}

int test_main(int argc, char **argv)
{
	int failed = 0, number = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < test_n; i++) {
		if (!is_wanted(test_cases[i].name, argc, argv))
			continue;
		test_failures = 0;
		test_skip = NULL;
		test_cases[i].run();
		number++;
		if (test_failures > 0) {
			failed++;
			printf("not ok %d - %s\n", number, test_cases[i].name);
		} else if (test_skip) {
			printf("ok %d - %s # SKIP %s\n", number, test_cases[i].name, test_skip);
		} else {
			printf("ok %d - %s\n", number, test_cases[i].name);
		}
	}
	printf("1..%d\n", number);
	return failed ? 1 : 0;
}
