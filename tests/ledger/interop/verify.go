// A verifier of logs that shares no code with the project: Go's checksum-database packages
// (golang.org/x/mod/sumdb/tlog and note, Debian's golang-golang-x-mod-dev) over a static copy
// (c2sp.org/tlog-tiles), a receipt (c2sp.org/tlog-proof) and cosignatures (c2sp.org/tlog-cosignature).
//
// Usage: verify DIR VKEY [-saved FILE] [-witness VKEY] [-receipt FILE -leaf FILE]
// Exit status 0 and "ok …", or 1 and what is wrong.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func die(format string, args ...interface{}) {
	fmt.Printf("rejected: "+format+"\n", args...)
	os.Exit(1)
}

func must(err error, what string) {
	if err != nil {
		die("%s: %v", what, err)
	}
}

// cosigner verifies cosignature/v1.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	t := binary.BigEndian.Uint64(sig)
	m := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", t)), msg...)
	return t != 0 && ed25519.Verify(c.key, m, sig[8:])
}

func newCosigner(vkey string) *cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		die("not a witness's key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	must(err, "witness key")
	if len(key) != 33 || key[0] != 4 {
		die("not a witness's key of algorithm 4")
	}
	h := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(h[:])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		die("the witness key's hash does not fit")
	}
	return &cosigner{parts[0], hash, ed25519.PublicKey(key[1:])}
}

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

func open(text []byte, vs note.Verifiers) checkpoint {
	n, err := note.Open(text, vs)
	must(err, "checkpoint")
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 {
		die("checkpoint: too few lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "checkpoint size")
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err, "checkpoint root")
	c := checkpoint{origin: lines[0], size: size}
	if copy(c.root[:], root) != len(c.root) {
		die("checkpoint: the root is no hash")
	}
	return c
}

// tiles reads hash tiles; tlog.TileHashReader proves each against the root before it uses it.
type tiles struct{ dir string }

func (t tiles) Height() int { return height }
func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, w := range want {
		// "tile/8/0/x001/234" is tile/0/x001/234 here: the height is no part of the name.
		name := strings.Replace(w.Path(), "tile/8/", "tile/", 1)
		b, err := os.ReadFile(filepath.Join(t.dir, name))
		if err != nil {
			return nil, err
		}
		if len(b) != w.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: %d bytes", name, len(b))
		}
		all = append(all, b)
	}
	return all, nil
}
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func bundle(dir string, n int64, width int) [][]byte {
	t := tlog.Tile{H: height, L: 0, N: n, W: width}
	name := strings.Replace(t.Path(), "tile/8/0/", "tile/entries/", 1)
	b, err := os.ReadFile(filepath.Join(dir, name))
	must(err, "bundle")
	var leaves [][]byte
	for len(b) > 0 {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			die("%s ends within an entry", name)
		}
		k := 2 + int(binary.BigEndian.Uint16(b))
		leaves = append(leaves, b[2:k])
		b = b[k:]
	}
	if len(leaves) != width {
		die("%s has %d entries, not %d", name, len(leaves), width)
	}
	return leaves
}

// storage keeps the hashes in the order tlog stores them, all computed from the entries.
type storage []tlog.Hash

func (s storage) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		if x >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out[i] = s[x]
	}
	return out, nil
}

func entries(dir string, c checkpoint) storage {
	var s storage
	r := tlog.TileHashReader(tlog.Tree{N: c.size, Hash: c.root}, tiles{dir})
	for n := int64(0); n*256 < c.size; n++ {
		width := int64(256)
		if c.size-n*256 < width {
			width = c.size - n*256
		}
		for i, leaf := range bundle(dir, n, int(width)) {
			seq := n*256 + int64(i)
			h, err := tlog.StoredHashes(seq, leaf, s)
			must(err, "hashes")
			s = append(s, h...)
			if !bytes.Contains(leaf, []byte(fmt.Sprintf(`"seq":%d,`, seq))) {
				die("entry %d says it is another", seq)
			}
			if seq%197 != 0 && seq != c.size-1 {
				continue
			}
			// And by the tiles, each proved against the signed root.
			p, err := tlog.ProveRecord(c.size, seq, r)
			must(err, "inclusion by tiles")
			must(tlog.CheckRecord(p, c.size, c.root, seq, tlog.RecordHash(leaf)),
				fmt.Sprintf("inclusion of %d", seq))
		}
	}
	root, err := tlog.TreeHash(c.size, s)
	must(err, "root")
	if root != c.root {
		die("the entries lead to another root than the signed one")
	}
	return s
}

// every hash of every tile against those computed from the entries.
func everyTile(dir string, c checkpoint, s storage) int {
	n := 0
	for _, t := range tlog.NewTiles(height, 0, c.size) {
		// Partial tiles of smaller trees need not be there.
		if t.W < 256 && int64(t.W) != c.size>>(height*uint(t.L))&255 {
			continue
		}
		got, err := (tiles{dir}).ReadTiles([]tlog.Tile{t})
		must(err, "tile")
		want, err := tlog.ReadTileData(t, s)
		must(err, "tile")
		if !bytes.Equal(got[0], want) {
			die("%s is not what the entries lead to", t.Path())
		}
		n++
	}
	return n
}

func receipt(path, leafPath string, vs note.Verifiers) {
	text, err := os.ReadFile(path)
	must(err, "receipt")
	leaf, err := os.ReadFile(leafPath)
	must(err, "leaf")
	parts := strings.SplitN(string(text), "\n\n", 2)
	if len(parts) != 2 {
		die("the receipt has no checkpoint")
	}
	lines := strings.Split(parts[0], "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		die("not a receipt")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		held, err := base64.StdEncoding.DecodeString(lines[0][6:])
		must(err, "extra")
		if !bytes.Equal(held, leaf) {
			die("the receipt holds another event")
		}
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	must(err, "index")
	var p tlog.RecordProof
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		must(err, "proof")
		p = append(p, h)
	}
	c := open([]byte(parts[1]), vs)
	must(tlog.CheckRecord(p, c.size, c.root, index, tlog.RecordHash(leaf)), "receipt")
}

func main() {
	if len(os.Args) < 3 {
		die("usage: verify DIR VKEY [options]")
	}
	dir, vkey := os.Args[1], strings.TrimSpace(os.Args[2])
	fs := flag.NewFlagSet("verify", flag.ExitOnError)
	saved := fs.String("saved", "", "checkpoint kept from earlier")
	witness := fs.String("witness", "", "verifier key of a witness")
	proof := fs.String("receipt", "", "receipt")
	leaf := fs.String("leaf", "", "its leaf")
	must(fs.Parse(os.Args[3:]), "options")

	v, err := note.NewVerifier(vkey)
	must(err, "key")
	vs := note.VerifierList(v)
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err, "checkpoint")
	c := open(text, vs)
	if c.origin != v.Name() {
		die("the checkpoint is of the log %s", c.origin)
	}
	if *witness != "" {
		open(text, note.VerifierList(newCosigner(strings.TrimSpace(*witness))))
	}
	s := entries(dir, c)
	n := everyTile(dir, c, s)
	if *saved != "" {
		old, err := os.ReadFile(*saved)
		must(err, "saved checkpoint")
		o := open(old, vs)
		if o.size > c.size {
			die("the saved checkpoint has %d entries, the log %d: it was set back", o.size, c.size)
		}
		p, err := tlog.ProveTree(c.size, o.size, tlog.TileHashReader(tlog.Tree{N: c.size, Hash: c.root}, tiles{dir}))
		must(err, "consistency")
		must(tlog.CheckTree(p, c.size, c.root, o.size, o.root), "consistency")
	}
	if *proof != "" {
		receipt(*proof, *leaf, vs)
	}
	fmt.Printf("ok %d entries, %d tiles, root %v\n", c.size, n, c.root)
}
