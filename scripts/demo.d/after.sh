# What must be true when the story is over: it has left nothing running, nothing listening and nothing on disk.

# Ports the story used, as /proc/net/tcp writes a listening one of 127.0.0.1.
listens_on() { grep -qi "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp; }

nothing_is_left() {
	local dir=$1 port file left=
	for port in $(cat "$dir/ports" 2>/dev/null); do
		listens_on "$port" && left="$left port $port;"
	done
	grep -q "$dir" /proc/net/unix && left="$left a socket in $dir;"
	for file in /proc/[0-9]*/cmdline; do
		[[ $(tr '\0' ' ' 2>/dev/null <"$file") == *"$dir/"* ]] && left="$left process ${file//[!0-9]/};"
	done 2>/dev/null
	grep -q "$dir" /proc/mounts && left="$left a mount;"
	if [ -n "$left" ]; then
		echo "FAILED: left behind:$left" >&2
		return 1
	fi
	rm -rf "$dir"
	[ ! -e "$dir" ] && echo "Nothing is left: no process, no port, no socket, no file."
}
