# The machine of Acme: folders that belong to whom they should, a small disk for the log, the programs.
chmod 755 "$top"
PATH=$top/bin:$PATH
mkdir -p "$top"/{bin,run,exec,data/ledger,home,witness,runner/spool,www/{staging,production}/releases,finance,books}
for who in "${!uid[@]}"; do
	mkdir -p "$top/home/$who"
	chown "${uid[$who]}:${uid[$who]}" "$top/home/$who"
	chmod 700 "$top/home/$who"
done
cp build/reeve build/tests/ledger/forge_log tests/ledger/verify_by_hand.sh examples/acme/bin/* "$top/bin/"
chmod 755 "$top"/bin/*
cp -r examples/acme "$top/acme"; chmod -R a+rX "$top/acme"
cp examples/acme/finance/quarter.csv "$top/finance/"
chown "${uid[serve]}" "$top/data" "$top/run"
mount -t tmpfs -o "size=24m,mode=700,uid=${uid[serve]},gid=${uid[serve]}" reeve-demo "$top/data/ledger"
chown -R "${uid[runner]}" "$top"/{exec,www,finance,books,runner}
chmod 700 "$top"/{finance,books,runner,runner/spool}
chown "${uid[witness]}" "$top/witness"
chmod 700 "$top/witness"

# A web server for each target, at a port of its own choice.
for target in staging production; do
	(cd "$top/www/$target" && as_exec web /usr/bin/python3 -u -m http.server 0 --bind 127.0.0.1 >"$top/web.$target" 2>&1) &
done
port_of() { sed -n 's/.* port \([0-9]*\).*/\1/p' "$top/web.$1"; }
has_port() { [ -n "$(port_of "$1")" ]; }
for target in staging production; do
	wait_for has_port $target
	port_of $target >>"$top/ports"
done
see() { curl -sSf "http://127.0.0.1:$(port_of "$1")/current/index.html"; }
