# Sourced by `podwire` and `run`, with $self naming the script: finds the Node to run on, installing
# what is missing first (harness/bootstrap). When all stands this costs two small processes.

root=$(cd -P -- "${self%/*}/../.." && pwd)
# Its one line is the path of that Node; it is written last, when everything else stands.
stamp=$root/node_modules/.podwire-node

fail() {
	printf '%s\n' "$*" >&2
	exit 3
}

tasks() {
	for script in "$root"/scripts/*.ts; do
		script=${script##*/}
		case $script in *.test.ts) ;; *) printf '%s ' "${script%.ts}" ;; esac
	done
}

# The stamp holds while the dependencies and that Node are as they were when it was written. A file's
# status change time tells even of a package manager that unpacks files with old dates.
stands() {
	node=
	[ -f "$stamp" ] && IFS= read -r node <"$stamp" && [ -x "$node" ] || return 1
	[ -z "$(find -L "$root/package.json" "$root/package-lock.json" "$root/harness/package.json" \
		"$root/harness/runtime/package-lock.json" "$node" -cnewer "$stamp" 2>&1)" ]
}

# unpack BUNDLE: the dependencies and the Node that `podwire bundle` packed on a machine with a network.
unpack() {
	[ -f "$1" ] || fail "Could not load the bundle: there is no file ${1:-after --load}."
	for part in node_modules harness/node_modules harness/runtime/node_modules; do rm -rf "${root:?}/$part"; done
	tar -xf "$1" -C "$root" --exclude=image.tar --exclude=bundle.json || fail "Could not load the bundle $1: tar could not unpack it."
	for part in node_modules harness/runtime/node_modules; do
		[ -d "$root/$part" ] || fail "Could not load the bundle $1: it does not hold $part.
Make it again with \`podwire bundle FILE\` on a machine with a network."
	done
}

# start FILE [ARG...]: FILE is relative to harness/.
start() {
	if ! stands; then
		case "${2:-} ${3:-}" in 'bundle --load') unpack "${4:-}" ;; esac
		command -v node >/dev/null || fail "Podwire needs Node 20 or newer to begin with, and there is no \`node\` on the PATH.
Install it from https://nodejs.org (on Debian and Ubuntu: sudo apt-get install nodejs npm) and run the same command again."
		node "$root/harness/bootstrap/install.mjs" || exit $?
		IFS= read -r node <"$stamp" || fail "Podwire was set up, but $stamp is not there. Run the same command again."
	fi
	file=$root/harness/$1
	shift
	export NODE_COMPILE_CACHE="$root/node_modules/.cache/podwire"
	exec "$node" --disable-warning=ExperimentalWarning "$file" "$@"
}
