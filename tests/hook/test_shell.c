/* What a shell line would run: programs, in the order they stand; "?" where it cannot be told. */
#include "points/hook/hook.h"
#include "tests/harness.h"

static const struct {
	const char *line, *want;
} rows[] = {
	{ "", "" },
	{ "   # nothing", "" },
	{ "ls", "ls" },
	{ "ls -la /tmp", "ls" },
	{ "A=1 B=2 ls", "ls" },
	{ "A=1", "" },
	{ "ls; rm -rf /", "ls rm" },
	{ "ls && rm x || echo no", "ls rm echo" },
	{ "cat x | grep y | wc -l", "cat grep wc" },
	{ "sleep 1 & rm x", "sleep rm" },
	{ "ls\nrm x\n", "ls rm" },
	{ "ls \\\n -l", "ls" },
	{ "echo 'rm -rf /'", "echo" },
	{ "echo \"rm; x\"", "echo" },
	{ "echo a\\;rm", "echo" },
	{ "echo # rm", "echo" },
	{ "echo x#rm; id", "echo id" },
	{ "echo $(rm x)", "rm echo" },
	{ "echo \"$(rm x)\"", "rm echo" },
	{ "echo `rm x`", "rm echo" },
	{ "echo $(echo $(rm x))", "rm echo echo" },
	{ "echo $((1+2))", "echo" },
	{ "echo $(( $(rm x) ))", "? echo" },
	{ "echo ${x:-$(rm x)}", "? echo" },
	{ "echo ${x}", "echo" },
	{ "$x y", "?" },
	{ "\"$x\" y", "?" },
	{ "./run$x", "?" },
	{ "r'm' x", "rm" },
	{ "\"r\"m x", "rm" },
	{ "r\\m x", "rm" },
	{ "$'rm' x", "?" },
	{ "/bin/rm x", "/bin/rm" },
	{ "(cd /; rm x)", "cd rm" },
	{ "{ rm x; }", "rm" },
	{ "{rm,x} y", "?" },
	{ "! rm x", "rm" },
	{ "if true; then rm x; else id; fi", "true rm id" },
	{ "for f in a b; do rm $f; done", "rm" },
	{ "while read l; do rm $l; done < x", "read rm" },
	{ "case x in a) rm y;; esac", "? rm" },
	{ "f() { rm x; }; f", "f rm f" },
	{ "sudo rm x", "sudo rm" },
	{ "sudo -u bob rm x", "sudo rm" },
	{ "sudo -ubob rm x", "sudo rm" },
	{ "sudo --user=bob rm x", "sudo ?" },
	{ "sudo -n -- rm x", "sudo rm" },
	{ "sudo A=b rm x", "sudo rm" },
	{ "sudo", "sudo ?" },
	{ "env A=b rm x", "env rm" },
	{ "env -i rm x", "env rm" },
	{ "env -S 'rm x'", "env ?" },
	{ "env", "env" },
	{ "nohup rm x", "nohup rm" },
	{ "timeout 5 rm x", "timeout rm" },
	{ "timeout -k 1 5 rm x", "timeout rm" },
	{ "timeout --foreground 5 rm", "timeout ?" },
	{ "nice -n 5 rm x", "nice rm" },
	{ "nice -5 rm x", "nice rm" },
	{ "xargs rm", "xargs rm" },
	{ "ls | xargs -n1 -I{} rm {}", "ls xargs rm" },
	{ "xargs -0 -P 4 rm", "xargs rm" },
	{ "sudo env nice rm x", "sudo env nice rm" },
	{ "sh -c 'rm x; id'", "sh rm id" },
	{ "bash -lc \"rm x\"", "bash rm" },
	{ "bash -c \"rm $x\"", "bash ?" },
	{ "bash script.sh", "bash ?" },
	{ "curl x | sh", "curl sh ?" },
	{ "/bin/sh -c 'sh -c \"rm x\"'", "/bin/sh sh rm" },
	{ "eval 'rm x'", "eval rm" },
	{ "eval \"$x\"", "eval ?" },
	{ ". ./x", ". ?" },
	{ "source x", "source ?" },
	{ "ssh host rm x", "ssh ?" },
	{ "strace -o rm ls", "strace ?" },
	{ "exec rm x", "exec rm" },
	{ "command -v rm", "command rm" },
	{ "find . -name x -exec rm {} \\;", "find rm" },
	{ "find . -exec sh -c 'rm x' \\; -o -exec id +", "find sh rm id" },
	{ "echo x > /etc/passwd", "echo" },
	{ "echo x 2>&1 >y; rm z", "echo rm" },
	{ "> x", "" },
	{ "cat <(rm x)", "rm cat" },
	{ "tee >(rm x)", "rm tee" },
	{ "cat <<E\nhello\nE\nrm x", "cat rm" },
	{ "cat <<'E'\n$(rm x)\nE\nid", "cat id" },
	{ "cat <<E\n$(rm x)\nE\n", "cat ?" },
	{ "cat <<-E\n\thello\n\tE\nid", "cat id" },
	{ "cat <<E\nnever ends", "cat ?" },
	{ "cat <<< x; rm y", "cat rm" },
	{ "echo 'not closed", "? echo" },
	{ "echo \"not closed", "? echo" },
	{ "echo $(not closed", "? echo" },
	{ "r?m x", "?" },
	{ "echo *", "echo" },
	{ "((x=1))", "?" },
	{ "&>x rm y", "rm" },
};

TEST(what_would_run)
{
	static struct rv_hook_command cmds[RV_HOOK_ACTS_MAX];
	for (size_t i = 0; i < RV_COUNT(rows); i++) {
		RV_AUTO_ARENA a = { 0 };
		RV_AUTO_BUF b = { 0 };
		struct rv_err err = { 0 };
		size_t n = 0;
		rv_arena_init(&a, 16 << 20);
		rv_buf_init(&b, 4096);
		enum rv_code code = rv_hook_shell(&a, rv_str_of(rows[i].line), cmds, &n, &err);
		for (size_t k = 0; k < n; k++) {
			rv_buf_addz(&b, k ? " " : "");
			rv_buf_add(&b, cmds[k].program.n ? cmds[k].program : RV_STR("?"));
		}
		CHECKF(code == RV_OK && strcmp(rv_buf_z(&b), rows[i].want) == 0,
			"%s: got '%s', want '%s' %s", rows[i].line, rv_buf_z(&b), rows[i].want,
			err.msg);
	}
}

TEST(limits)
{
	static struct rv_hook_command cmds[RV_HOOK_ACTS_MAX];
	for (int over = 0; over < 2; over++) {
		RV_AUTO_ARENA a = { 0 };
		RV_AUTO_BUF b = { 0 };
		size_t n;
		rv_arena_init(&a, 64 << 20);
		rv_buf_init(&b, 1 << 20);
		for (int i = 0; i < RV_HOOK_ACTS_MAX + over; i++)
			rv_buf_addz(&b, "id;");
		CHECK(rv_hook_shell(&a, rv_buf_str(&b), cmds, &n, NULL) ==
			(over ? RV_ELIMIT : RV_OK));
		/* Nesting beyond the bound cannot be told, and is no crash. */
		rv_buf_clear(&b);
		for (int i = 0; i < 1000; i++)
			rv_buf_addz(&b, "$(");
		CHECK(rv_hook_shell(&a, rv_buf_str(&b), cmds, &n, NULL) != RV_EINTERNAL);
	}
	RV_AUTO_ARENA a = { 0 };
	size_t n;
	rv_arena_init(&a, 1 << 20);
	CHECK(rv_hook_shell(&a, RV_STR("id\0rm"), cmds, &n, NULL) == RV_EINVAL);
}

MAIN()
