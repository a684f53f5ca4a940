# How the story is told: who acts, what is shown, what is checked.
shown=0 failed=0
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\033[1m' dim=$'\033[2m' green=$'\033[32m' red=$'\033[31m' plain=$'\033[0m'
else
	bold= dim= green= red= plain=
fi
chapter() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
tell() { echo; fold -s -w 110 <<<"$*" | sed 's/^/  /; s/ *$//'; }

# Unix users need no names: numbers nobody else has.
declare -A uid=([serve]=47001 [runner]=47002 [witness]=47003 [web]=47004 [gateway]=47005 [deploy-bot]=47011 [ads-bot]=47012 [social-bot]=47013 [invoice-agent]=47014
	[root]=47020 [olivia]=47021 [gordon]=47022 [ruth]=47023 [audrey]=47024 [stranger]=47099)
# as NAME COMMAND…: as that Unix user, with a clean environment and nothing inherited.
as() { ( as_exec "$@" ) }
as_exec() {
	local who=$1; shift
	exec setpriv --reuid="${uid[$who]}" --regid="${uid[$who]}" --clear-groups --inh-caps=-all \
		env -i PATH="$top/bin:/usr/bin:/bin" HOME="$top/home/$who" LANG=C.UTF-8 TERM="${TERM:-dumb}" REEVE_SERVER="unix:$top/run/reeve.sock" \
		${token:+REEVE_TOKEN_FILE=$token} "$@"
}
# A worker has its own token; a person has a session.
worker() { local who=$1; shift; token="$top/home/$who/token" as "$who" "$@"; }
runner() { local who=$1; shift; worker "$who" reeve exec --runner "$top/exec/exec.sock" "$@"; }

# The command as a reader would type it: who, and what; paths of the story are cut to "…".
typed() {
	local how=$1 who= word line=
	case $how in
	as | worker) who=$2; shift 2 ;;
	runner) who=$2; shift 2; line="reeve exec" ;;
	*) return 0 ;;
	esac
	for word in "$@"; do
		case $word in
		*[[:space:]\;\'\&\|\<\>]*) line="$line '$word'" ;;
		*) line="$line $word" ;;
		esac
	done
	line=${line//$top/…}
	printf '       %s%s$ %s%s\n' "$dim" "$who" "${line# }" "$plain"
}
# holds STATUS PATTERN WHAT COMMAND…: runs it, shows the first lines (lines=N), and checks both.
holds() {
	local want=$1 pattern=$2 what=$3 out status
	shift 3
	out=$("$@" 2>&1 </dev/null); status=$?
	shown=$((shown + 1))
	if [ $status = "$want" ] && grep -qE -- "$pattern" <<<"$out"; then
		printf '  %sok%s   %s\n' "$green" "$plain" "$what"
		typed "$@"
		[ -z "$out" ] || printf '%s\n' "${out//$top/…}" | head -n "${lines:-2}" | cut -c 1-170 | sed 's/^/         /'
	else
		failed=$((failed + 1))
		printf '  %sFAILED%s %s (status %s, wanted %s, /%s/)\n' "$red" "$plain" "$what" "$status" "$want" "$pattern"
		typed "$@"
		printf '%s\n' "$out" | head -n 30 | sed 's/^/         /'
	fi
	last=$out
}
# A fact of the story itself: a test of the shell's.
fact() { local what=$1; shift; holds 0 '' "$what" "$@"; }
quiet() { "$@" >/dev/null || { failed=$((failed + 1)); echo "  ${red}FAILED${plain} $*"; }; }
wait_for() { # until the command succeeds, at most 15 s
	local i
	for i in $(seq 150); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
	echo "gave up waiting for: $*" >&2
	return 1
}
serve() {
	as_exec serve reeve serve --data "$top/data" --listen 127.0.0.1:0 --listen "unix:$top/run/reeve.sock" 2>>"$top/serve.log" &
	serve_pid=$!
	wait_for as serve curl -sf --unix-socket "$top/run/reeve.sock" http://reeve/healthz || { cat "$top/serve.log"; exit 1; }
	sed -n 's/.*(port \([0-9]*\)).*/\1/p' "$top/serve.log" >>"$top/ports"
}
stop_serve() { kill "$serve_pid"; wait "$serve_pid" 2>/dev/null; }
pw() { echo "a long password of $1"; }
# The values of a member in JSON of one line: good enough for ids.
ids() { tr '{' '\n' | sed -n "s/.*\"id\":\"\\([^\"]*\\)\".*$1.*/\\1/p"; }
pending_of() { as ruth reeve approvals --json | tr '{' '\n' | sed -n "s/.*\"id\":\"\\([^\"]*\\)\",\"state\":\"pending\".*\"system\":\"$1\".*/\\1/p" | head -n 1; }
is_pending() { [ -n "$(pending_of "$1")" ]; }
event_of() { as audrey reeve audit search "$1" -n 1 --json | ids '' | head -n 1; }
releases() { ls "$top/www/$1/releases" 2>/dev/null | sort | tr '\n' ' '; }

ending() {
	chapter "The end"
	printf '\n  %s steps shown, %s failed.\n' "$shown" "$failed"
	[ "$failed" = 0 ] && return
	echo "--- serve.log"; tail -n 20 "$top/serve.log"
	echo "--- runner.log"; tail -n 20 "$top/runner.log"
}
