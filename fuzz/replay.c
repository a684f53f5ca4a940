/* Stands in for libFuzzer: runs the target over every file of the folders and files given, as one
 * TAP case. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int replay(const char *path)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	struct stat st;
	if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
		fclose(f);
		return 0;
	}
	size_t n = (size_t)st.st_size;
	uint8_t *p = malloc(n ? n : 1); /* exactly n: the sanitizer then sees a read past the end */
	size_t got = p ? fread(p, 1, n, f) : 0;
	fclose(f);
	if (p && got == n)
		LLVMFuzzerTestOneInput(p, n);
	free(p);
	return got == n ? 1 : -1;
}

int main(int argc, char **argv)
{
	int files = 0, bad = 0;
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		if (!d) {
			int r = replay(argv[i]);
			files += r > 0;
			bad += r < 0;
			continue;
		}
		struct dirent *e;
		while ((e = readdir(d))) {
			char path[4096];
			snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
			int r = e->d_name[0] == '.' ? 0 : replay(path);
			files += r > 0;
			bad += r < 0;
		}
		closedir(d);
	}
	printf("%sok 1 - corpus of %d files\n1..1\n", files > 0 && bad == 0 ? "" : "not ", files);
	return files > 0 && bad == 0 ? 0 : 1;
}
