#!/usr/bin/env bash
# build.sh: the whole build: what it needs, the libraries, the program, its tests. `./build.sh --help` tells the commands.
#
# The libraries come as the upstream tarballs of Debian's source packages, pinned in deps.lock, and are built once per compiler and kind
# into a cache. The program is linked statically from them and musl, which is built from its pinned source with the machine's gcc (and with
# Debian's cross compilers for other architectures): tools that apt has on every supported machine, and every byte of libc pinned by us.
# docs/explanation/build.md weighs the alternatives.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")"

VERSION=0.1.0
BUILD=$(realpath -m "${BUILD_DIR:-build}")
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/monocharm
JOBS=$(nproc)
ARCHITECTURES="amd64 arm64 ppc64el s390x riscv64"

say() { printf '%s\n' "$*"; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

# --- What the machine must have. ---

# need COMMAND=PACKAGE...: installs the packages of the commands that are missing.
need() {
	local pair missing=()
	for pair; do
		command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
	done
	[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

install_packages() {
	[ "$(id -u)" = 0 ] || die "please install: sudo apt-get install --no-install-recommends $*"
	command -v apt-get >/dev/null || die "please install: $*"
	say "Installing $*"
	# The machine's lists may be missing or old: fetch them only when the packages cannot be had without.
	apt_install "$@" >"$CACHE/apt.log" 2>&1 || { apt-get -q update && apt_install "$@"; } >"$CACHE/apt.log" 2>&1 ||
		{ cat "$CACHE/apt.log" >&2; die "apt-get could not install: $*"; }
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@"; }

# --- The libraries' sources. ---

# lock FIELD...: the rows of deps.lock without comments.
lock() { sed -e 's/#.*//' -e '/^ *$/d' deps.lock; }

# The tarballs of deps.lock in $CACHE/sources, each checked against its hash: from $DEPS_DIR if that is set, else from the machine's
# mirror of Debian or Ubuntu.
fetch_sources() {
	local name version hash file licence missing=()
	mkdir -p "$CACHE/sources"
	while read -r name version hash file licence; do
		if [ -n "${DEPS_DIR:-}" ]; then
			[ -r "$DEPS_DIR/$file" ] || die "DEPS_DIR: $DEPS_DIR/$file is missing"
			check_hash "$DEPS_DIR/$file" "$hash" || die "DEPS_DIR: $DEPS_DIR/$file is not the pinned file: its SHA-256 differs from deps.lock"
		fi
		check_hash "$CACHE/sources/$file" "$hash" && continue
		if [ -n "${DEPS_DIR:-}" ]; then
			cp "$DEPS_DIR/$file" "$CACHE/sources/$file.part" && mv "$CACHE/sources/$file.part" "$CACHE/sources/$file"
		else
			missing+=("$hash $file")
		fi
	done < <(lock)
	[ ${#missing[@]} = 0 ] || fetch_from_mirror "${missing[@]}"
}

check_hash() { [ -r "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; }

# The mirror is the one that the machine's apt uses. Its lists of sources are read in a root of our own, so that the user's sources and
# lists stay as they are. Suites tried, one after another until every file is found: for Debian testing, unstable, stable; for Ubuntu devel,
# then the machine's own release with its updates. Last, the pool's usual path, for a file that has just left the suites.
fetch_from_mirror() {
	local root=$CACHE/apt mirror origin suite wanted=("$@") left line hash file dir found
	need xz=xz-utils
	rm -rf "$root"
	mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
	while IFS='|' read -r origin mirror; do
		for suite in $(suites "$origin"); do
			[ ${#wanted[@]} -gt 0 ] || break
			say "Looking for ${#wanted[@]} source packages in $suite of $mirror"
			printf 'deb-src %s %s %s\n' "$mirror" "$suite" "$([ "$origin" = Ubuntu ] && echo "main universe" || echo main)" >"$root/sources.list"
			private_apt apt-get -q update >"$root/log" 2>&1 || { tail -n 2 "$root/log"; continue; }
			private_apt apt-get indextargets --format '$(FILENAME)' 'Created-By: Sources' |
				while read -r file; do /usr/lib/apt/apt-helper cat-file "$file"; done >"$root/sources"
			left=()
			for line in "${wanted[@]}"; do
				read -r hash file <<<"$line"
				# By its name: not every list has SHA-256. The download is checked.
				dir=$(awk -v RS= -v want=" $file" 'index($0 "\n", want "\n") && match($0, /\nDirectory: [^\n]*/) {
					print substr($0, RSTART + 12, RLENGTH - 12); exit }' "$root/sources")
				if [ -n "$dir" ] && download "$mirror" "$dir" "$file" "$hash"; then continue; fi
				left+=("$line")
			done
			wanted=("${left[@]}")
		done
		left=()
		for line in "${wanted[@]}"; do
			read -r hash file <<<"$line"
			found=${file%%_*}
			case $found in lib*) dir=${found:0:4} ;; *) dir=${found:0:1} ;; esac
			download "$mirror" "pool/main/$dir/$found" "$file" "$hash" || left+=("$line")
		done
		wanted=("${left[@]}")
		[ ${#wanted[@]} -gt 0 ] || break
	done < <(mirrors)
	rm -rf "$root"
	[ ${#wanted[@]} = 0 ] || die "the machine's mirror does not have: ${wanted[*]#* }
Put these files (of Debian's source packages) into a folder, and run: DEPS_DIR=folder ./build.sh"
}

# Origin and address of the mirrors of Debian and Ubuntu that apt is configured with.
mirrors() {
	need lz4=lz4 >&2
	list_mirrors | grep -q . || apt-get -q update >/dev/null 2>&1 || true
	list_mirrors
}
list_mirrors() {
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(LABEL)' 'Created-By: Packages' 2>/dev/null |
		sed -n -e 's/^\(Debian\|Ubuntu\)|\(.*\)|\(Debian\|Ubuntu\)$/\1|\2/p' | awk '!seen[$0]++'
}

suites() {
	case $1 in
	Debian) echo testing unstable stable ;;
	Ubuntu) . /etc/os-release; echo devel "$VERSION_CODENAME" "$VERSION_CODENAME-updates" ;;
	esac
}

private_apt() {
	local root=$CACHE/apt command=$1
	shift
	# Run as ourselves: the sandbox user cannot read a cache below a home folder.
	"$command" -o Dir::Etc::SourceList="$root/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$root/lists" \
		-o Dir::Cache="$root/cache" -o Acquire::Languages=none -o APT::Sandbox::User= "$@"
}

# download MIRROR FOLDER FILE HASH: by apt's own helper, which knows the machine's proxies.
download() {
	/usr/lib/apt/apt-helper -o APT::Sandbox::User= download-file "${1%/}/$2/$3" "$CACHE/sources/$3.part" "SHA256:$4" >/dev/null 2>&1 &&
		check_hash "$CACHE/sources/$3.part" "$4" && mv "$CACHE/sources/$3.part" "$CACHE/sources/$3"
}

# --- Kinds of builds: compiler, flags, and the libraries that go with them. ---

# kind NAME: sets CC, AR, STRIP, CFLAGS (without the libraries' headers), ARCH, MUSL.
#   musl[-ARCH]   the program as it is shipped
#   glibc         plain, for tests that want speed; coverage and mutants
#   asan-gcc, asan-clang, msan   for tests and fuzzers
# OWN_FLAGS are for our own code alone; the caller sets them.
kind() {
	KIND=$1 MUSL= OWN_FLAGS=() AR=ar STRIP=strip ARCH=$(dpkg --print-architecture)
	case $KIND in
	musl-*) ARCH=${KIND#musl-} ;&
	musl)
		KIND=musl-$ARCH MUSL=yes
		local triplet
		case $ARCH in
		amd64) triplet=x86_64-linux-gnu ;; arm64) triplet=aarch64-linux-gnu ;; ppc64el) triplet=powerpc64le-linux-gnu ;;
		s390x) triplet=s390x-linux-gnu ;; riscv64) triplet=riscv64-linux-gnu ;;
		*) die "no such architecture: $ARCH (there are: $ARCHITECTURES)" ;;
		esac
		need "$triplet-gcc=$([ "$ARCH" = "$(dpkg --print-architecture)" ] && echo gcc || echo "gcc-${triplet/x86_64/x86-64}")"
		CC=("$triplet-gcc") AR=$triplet-ar STRIP=$triplet-strip
		# What distributions turn on or off by default is said here, so that it does not differ between them.
		CFLAGS=(-Os -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong -fno-asynchronous-unwind-tables -fno-unwind-tables
			-fno-ident -fno-strict-aliasing -U_FORTIFY_SOURCE)
		case $ARCH in
		amd64) CFLAGS+=(-fcf-protection=none) ;;
		ppc64el) CFLAGS+=(-mlong-double-64) ;;     # musl's ABI there
		s390x) CFLAGS+=(-march=z13) ;;             # what Ubuntu asks for there, too
		esac ;;
	glibc) CC=(gcc) CFLAGS=(-O1 -g) ;;
	asan-gcc) CC=(gcc) CFLAGS=(-O1 -g -fno-omit-frame-pointer -fsanitize=address) ;;
	asan-clang) need clang=clang; CC=(clang) CFLAGS=(-O1 -g -fno-omit-frame-pointer -fsanitize=address) ;;
	msan) need clang=clang; CC=(clang) CFLAGS=(-O1 -g -fno-omit-frame-pointer -fsanitize=memory) ;;
	*) die "no such kind of build: $KIND" ;;
	esac
	# For a collector of traces behind https; MONOCHARM_TLS=0 leaves it out, and 107 kB with it.
	[ "${MONOCHARM_TLS:-1}" = 0 ] || CFLAGS+=(-DMONOCHARM_TLS)
	DEPS=$CACHE/deps/$KIND-$({ cat deps.lock mbedtls-config.h; declare -f build_deps build_musl archive; "${CC[@]}" --version
		echo "${CFLAGS[@]}"; } | sha256sum | cut -c 1-12)
	INCLUDES=()
	LIBS=("$DEPS"/lib/lib{cjson,yaml,mbedtls,lzma,z}.a)
	[ -n "$MUSL" ] || LIBS+=(-lm)
	if [ -n "$MUSL" ]; then
		# musl's headers instead of the machine's; gcc's own last, for stdatomic.h and the like.
		INCLUDES=(-nostdinc -isystem "$DEPS/musl/include" -isystem "$("${CC[@]}" -print-file-name=include)")
	fi
	INCLUDES+=(-isystem "$DEPS/include")
}

# deps: makes sure that the libraries of the present kind are there.
deps() {
	[ -e "$DEPS/done" ] && return
	need make=make bzip2=bzip2 xz=xz-utils gcc=gcc ar=binutils
	[ -n "$MUSL" ] || [ -e /usr/include/stdio.h ] || install_packages libc6-dev
	mkdir -p "$CACHE/deps"
	local lock
	exec {lock}>"$CACHE/deps/lock"
	flock "$lock"
	if [ ! -e "$DEPS/done" ]; then
		fetch_sources
		say "Building the libraries for $KIND"
		rm -rf "$DEPS"
		mkdir -p "$DEPS/lib" "$DEPS/include" "$DEPS/src"
		build_deps
		rm -rf "$DEPS/src"
		ln -sfn "$DEPS" "$CACHE/deps/$KIND"
		touch "$DEPS/done"
	fi
	exec {lock}>&-
}

build_deps() {
	local name version hash file licence src=$DEPS/src
	while read -r name version hash file licence; do
		mkdir -p "$src/$name"
		tar -xf "$CACHE/sources/$file" -C "$src/$name" --strip-components=1
	done < <(lock)
	mkdir -p "$CACHE/licences"
	cp "$src/cjson/LICENSE" "$CACHE/licences/cjson"; cp "$src/libyaml/License" "$CACHE/licences/libyaml"
	cp "$src/mbedtls/LICENSE" "$CACHE/licences/mbedtls"; cp "$src/musl/COPYRIGHT" "$CACHE/licences/musl"
	cp "$src/xz-utils/COPYING.0BSD" "$CACHE/licences/xz-utils"; cp "$src/zlib/LICENSE" "$CACHE/licences/zlib"
	[ -z "$MUSL" ] || build_musl "$src/musl"
	cp "$src/cjson/cJSON.h" "$src/libyaml/include/yaml.h" "$src/zlib/zlib.h" "$src/zlib/zconf.h" "$DEPS/include"
	cp -R "$src/mbedtls/include/mbedtls" "$src/mbedtls/include/psa" "$src/xz-utils/src/liblzma/api/lzma.h" \
		"$src/xz-utils/src/liblzma/api/lzma" "$DEPS/include"
	cp mbedtls-config.h "$DEPS/include/mbedtls/mbedtls_config.h"
	# Our own limit on nesting is lower and comes first; cJSON's is a second net.
	archive cjson cjson -DCJSON_NESTING_LIMIT=100 -- cJSON.c
	archive yaml libyaml -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 -DYAML_VERSION_PATCH=5 '-DYAML_VERSION_STRING="0.2.5"' -Iinclude -- src/*.c
	archive mbedtls mbedtls -Ilibrary -- library/*.c
	# One thread, no assembler, small tables; decoding is there for the tests and falls away at the link.
	archive lzma xz-utils -D_GNU_SOURCE -DNDEBUG -DHAVE_STDBOOL_H -DHAVE__BOOL -DHAVE_STDINT_H -DHAVE_INTTYPES_H \
		-DHAVE_SMALL -DHAVE_ENCODERS -DHAVE_ENCODER_LZMA1 -DHAVE_ENCODER_LZMA2 -DHAVE_DECODERS -DHAVE_DECODER_LZMA1 -DHAVE_DECODER_LZMA2 \
		-DHAVE_CHECK_CRC32 -DHAVE_CHECK_CRC64 -DHAVE_MF_HC3 -DHAVE_MF_HC4 -DHAVE_MF_BT2 -DHAVE_MF_BT3 -DHAVE_MF_BT4 \
		-DHAVE_VISIBILITY=0 -DTUKLIB_SYMBOL_PREFIX=lzma_ -DSIZEOF_SIZE_T=8 -DHAVE___BUILTIN_BSWAPXX -DHAVE_CLOCK_GETTIME -DHAVE_POSIX_MEMALIGN \
		$(if [ "$ARCH" = s390x ]; then echo -DWORDS_BIGENDIAN; fi) \
		-Isrc/common -Isrc/liblzma/api -Isrc/liblzma/{common,check,lz,lzma,rangecoder,simple,delta} -- \
		src/liblzma/common/{alone_encoder,block_buffer_encoder,block_decoder,block_encoder,block_header_decoder,block_header_encoder,block_util}.c \
		src/liblzma/common/{common,easy_buffer_encoder,easy_encoder,easy_preset,filter_common,filter_decoder,filter_encoder}.c \
		src/liblzma/common/{filter_flags_decoder,filter_flags_encoder,index,index_encoder,index_hash,stream_buffer_decoder}.c \
		src/liblzma/common/{stream_buffer_encoder,stream_decoder,stream_encoder,stream_flags_common,stream_flags_decoder}.c \
		src/liblzma/common/{stream_flags_encoder,vli_decoder,vli_encoder,vli_size}.c \
		src/liblzma/check/{check,crc32_small,crc64_small}.c src/liblzma/lz/*.c \
		src/liblzma/lzma/{lzma2_decoder,lzma2_encoder,lzma_decoder,lzma_encoder,lzma_encoder_optimum_fast}.c \
		src/liblzma/lzma/{lzma_encoder_optimum_normal,lzma_encoder_presets}.c src/liblzma/rangecoder/price_table.c
	archive z zlib -DHAVE_UNISTD_H -- {adler32,compress,crc32,deflate,inffast,inflate,inftrees,trees,uncompr,zutil}.c
}

build_musl() {
	say "  musl"
	mkdir "$1/out"
	(
		cd "$1/out"
		../configure --prefix="$DEPS/musl" --disable-shared --disable-wrapper --enable-optimize=size CC="${CC[*]}" AR="$AR" \
			RANLIB="${AR%ar}ranlib" CFLAGS="${CFLAGS[*]} -ffile-prefix-map=$1=musl"
		make -j"$JOBS" install-headers lib/libc.a lib/rcrt1.o lib/crti.o lib/crtn.o
		mkdir -p "$DEPS/musl/lib"
		cp lib/*.a lib/*.o "$DEPS/musl/lib"
	) >"$DEPS/musl.log" 2>&1 || { tail -n 20 "$DEPS/musl.log" >&2; die "musl does not build"; }
}

# archive LIBRARY SOURCE-FOLDER FLAG... -- FILE...: the files, below the folder, compiled into lib/libLIBRARY.a.
archive() {
	local lib=$1 src=$DEPS/src/$2 flags=()
	shift 2
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	shift
	say "  $lib"
	(
		cd "$src"
		set -- $*          # the names' wildcards are for this folder
		printf '%s\0' "$@" | xargs -0 -P "$JOBS" -I{} "${CC[@]}" "${CFLAGS[@]}" -w "${flags[@]}" "${INCLUDES[@]}" \
			"-ffile-prefix-map=$src=$lib" -c {} -o {}.o
		"$AR" rcsD "$DEPS/lib/lib$lib.a" $(printf '%s.o\n' "$@" | sort)
	) >"$DEPS/$lib.log" 2>&1 || { tail -n 20 "$DEPS/$lib.log" >&2; die "$lib does not build"; }
}

# --- The program. ---

# Own sources: every .c at the top, but nothing below it. main.c holds main() alone, so that tests and fuzzers link the others, PARTS.
SOURCES=(*.c)
PARTS=("${SOURCES[@]/#main.c/}")
PARTS=(${PARTS[@]})

# Fields that are not named are zero, which is what we mean (and gcc 11 warns of them behind macros although it should not).
WARNINGS=(-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla)

STRICT=(-Werror)

# stale OBJECT SOURCE: is the object older than anything it was made from?
stale() {
	local object=$1 file parts
	[[ -e $object && -e ${object%.o}.d && ! $2 -nt $object ]] || return 0
	# Without -r: a backslash joins lines, and keeps a space in a name.
	# shellcheck disable=SC2162
	read -d '' -a parts <"${object%.o}.d" || true
	for file in "${parts[@]:1}"; do
		[[ -e $file && ! $file -nt $object ]] || return 0
	done
	return 1
}

# objects FOLDER FLAG... -- FILE...: compiles those that are not up to date into FOLDER, JOBS at a time. A file that does not compile does not
# keep the others from being tried.
objects() {
	local folder=$1 flags=() file object command running=0 failed=0
	shift
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	shift
	command=("${CC[@]}" "${CFLAGS[@]}" "${flags[@]}" "${WARNINGS[@]}" "${INCLUDES[@]}" -I. "-ffile-prefix-map=$BUILD=build")
	mkdir -p "$folder"
	# Other flags, another compiler or other libraries: everything again.
	if [ "$(cat "$folder/command" 2>/dev/null)" != "${command[*]}" ]; then
		rm -rf "$folder"
		mkdir -p "$folder"
		printf '%s\n' "${command[*]}" >"$folder/command"
	fi
	for file; do
		object_name "$file"
		object=$folder/$REPLY
		stale "$object" "$file" || continue
		if [ "$running" -ge "$JOBS" ]; then
			wait -n || true
		else
			running=$((running + 1))
		fi
		compile "$file" "$object" "${command[@]}" "${STRICT[@]}" &
	done
	wait
	# Some waits above may have been for other children than these: what there is tells how it went.
	for file; do
		object_name "$file"
		[ -e "$folder/$REPLY" ] || failed=1
	done
	return "$failed"
}

object_name() {
	local name=${1##*/}
	case $1 in tests/*) name=tests.$name ;; esac
	REPLY=${name%.c}.o
}

# object_list FOLDER FILE...: sets OBJECTS.
object_list() {
	local folder=$1 file
	shift
	OBJECTS=()
	for file; do
		object_name "$file"
		OBJECTS+=("$folder/$REPLY")
	done
}

compile() {
	local file=$1 object=$2
	shift 2
	# Tests stand in for functions of the C library.
	case $file in tests/*) set -- "$@" -Wno-missing-prototypes ;; esac
	"$@" -MMD -MF "${object%.o}.d" -MT object -c "$file" -o "$object.new" || { rm -f "$object.new" "$object"; return 1; }
	mv "$object.new" "$object"
}

# replace FILE: standard input becomes the file, which stays untouched when it already says so.
replace() {
	cat >"$1.new"
	if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

# The C files that say what is compiled in: assets/ as a table, and versions and hashes of the parts.
generate() {
	local gen=$BUILD/gen
	mkdir -p "$gen"
	generate_version | replace "$gen/version.c"
	if [ ! -e "$gen/assets.c" ] || [ build.sh -nt "$gen/assets.c" ] ||
		[ -n "$(find assets -newer "$gen/assets.c" -print -quit 2>/dev/null)" ]; then
		generate_assets >"$gen/assets.c.new"
		mv "$gen/assets.c.new" "$gen/assets.c"
	fi
}

generate_version() {
	local name version hash file licence
	echo '#include "version.h"'
	echo "const char version_text[] = \"$VERSION\";"
	echo 'const struct component components[] = {'
	echo "	{ \"monocharm\", version_text, \"Apache-2.0\", NULL, NULL },"
	while read -r name version hash file licence; do
		echo "	{ \"$name\", \"$version\", \"$licence\", \"$hash\", \"$file\" },"
	done < <(lock)
	echo '};'
	echo 'const size_t components_count = sizeof components / sizeof *components;'
}

# The assembler takes in the files' bytes as they are, which no array of numbers in C would do as fast.
generate_assets() {
	local path i=0 paths=()
	[ ! -d assets ] || mapfile -t paths < <(find assets -type f ! -name '.*' | sed 's,^assets/,,' | sort)
	echo '#include "assets.h"'
	for path in "${paths[@]}"; do
		cat <<-END
			__asm__(".section .rodata\\n"
				"asset_$i: .incbin \\"assets/$path\\"\\n.byte 0\\n.previous\\n");
			extern const unsigned char asset_$i[] __attribute__((visibility("hidden")));
		END
		i=$((i + 1))
	done
	i=0
	echo 'const struct asset assets[] = {'
	for path in "${paths[@]}"; do
		echo "	{ \"$path\", asset_$i, $(stat -c %s "assets/$path") },"
		i=$((i + 1))
	done
	[ $i -gt 0 ] || echo '	{ 0 }'
	echo '};'
	echo "const size_t assets_count = $i;"
}

# build_program: the objects and build/dispatch of the present kind, in a folder of its own for each kind.
build_program() {
	local folder=$BUILD/$KIND out=$1 file files
	generate
	files=("${SOURCES[@]}" "$BUILD/gen/version.c" "$BUILD/gen/assets.c")
	# A compiler that is newer than we know may warn of more, but must build it all the same; the tests are strict.
	local STRICT=()
	objects "$folder" -- "${files[@]}" || die "it does not compile"
	object_list "$folder" "${files[@]}"
	# The list itself is a part: a file that is gone must not stay in.
	printf '%s\n' "${OBJECTS[@]}" | replace "$folder/list"
	for file in "${OBJECTS[@]}" "${LIBS[@]}" "$folder/list"; do
		if [ ! "$out" -nt "$file" ]; then
			link "$folder/dispatch" "${OBJECTS[@]}"
			# Symbols stay beside, for profilers and valgrind.
			"$STRIP" -o "$out.new" "$folder/dispatch"
			mv "$out.new" "$out"
			[ -z "$MUSL" ] || inspect "$out"
			break
		fi
	done
}

# link OUT OBJECT...: for musl one static-pie of its start files and libc, gcc's own helpers and our objects.
link() {
	local out=$1 lib=$DEPS/musl/lib
	shift
	if [ -z "$MUSL" ]; then
		"${CC[@]}" "${CFLAGS[@]}" "${OWN_FLAGS[@]}" -o "$out" "$@" "${LIBS[@]}"
		return
	fi
	"${CC[@]}" "${CFLAGS[@]}" -static-pie -nostdlib -nostartfiles -o "$out" \
		"$lib/rcrt1.o" "$lib/crti.o" -Wl,--start-group "$@" "${LIBS[@]}" "$lib/libc.a" "$("${CC[@]}" -print-libgcc-file-name)" \
		-Wl,--end-group "$lib/crtn.o" \
		-Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,-z,noseparate-code,--build-id=none,--no-dynamic-linker,--hash-style=gnu,-z,text \
		$(case $ARCH in amd64 | ppc64el) echo -Wl,-z,pack-relative-relocs ;; esac)     # where binutils has it: a tenth of the size
}

# What was promised about the executable, read from the executable.
inspect() {
	local out=$1 headers dynamic
	headers=$(readelf -lW "$out") dynamic=$(readelf -dW "$out")
	has() { grep -Eq -- "$1" <<<"$2" || { rm -f "$out"; die "$3"; }; }
	hasnt() { ! grep -Eq -- "$1" <<<"$2" || { rm -f "$out"; die "$3"; }; }
	has 'Elf file type is DYN' "$headers" "it is not position-independent"
	hasnt 'INTERP' "$headers" "it asks for a dynamic loader"
	hasnt 'NEEDED' "$dynamic" "it needs shared libraries"
	has 'GNU_RELRO' "$headers" "it has no RELRO"
	has 'BIND_NOW|FLAGS.*NOW' "$dynamic" "its RELRO is not full"
	has 'GNU_STACK.* RW ' "$headers" "its stack is executable"
	hasnt ' RWE ' "$headers" "it has a segment to write and execute"
	hasnt 'TEXTREL' "$dynamic" "it has text relocations"
	has '__stack_chk_fail' "$(readelf -sW "$BUILD/$KIND/dispatch")" "it has no stack protector"
	[ "$(stat -c %s "$out")" -le $((1 << 20)) ] || { rm -f "$out"; die "it is over 1 MiB"; }
}

show_size() { say "$1: $(stat -c %s "$1") bytes"; }

with_lock() {
	local lock
	mkdir -p "$BUILD"
	exec {lock}>"$BUILD/.lock"
	flock "$lock"
	"$@"
	exec {lock}>&-
}

build() {
	kind musl
	deps
	with_lock build_program "$BUILD/dispatch"
	show_size "$BUILD/dispatch"
}

# --- Tests. ---
# A test prints "N passed, N failed" as its last line; start_test notes what it said, and finish adds up.

RESULTS=
running_tests=0

start_tests() {
	RESULTS=$BUILD/results
	rm -rf "$RESULTS"
	mkdir -p "$RESULTS"
	running_tests=0
	SECONDS=0
}

# start_test NAME COMMAND...: runs it beside the others, JOBS at a time, with its output in a file.
start_test() {
	if [ "$running_tests" -ge "$JOBS" ]; then
		wait -n || true
	else
		running_tests=$((running_tests + 1))
	fi
	run_test "$@" &
}

wait_tests() {
	wait
	running_tests=0
}

run_test() {
	local name=$1 code=0 line began=$SECONDS
	shift
	"$@" >"$RESULTS/$name.log" 2>&1 </dev/null || code=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$RESULTS/$name.log" | tail -n 1) || true
	if [ -z "$line" ]; then
		# A program of one verdict: its exit code; one that should have counted and did not has failed.
		[ $code = 0 ] && line="1 passed, 0 failed" || line="0 passed, 1 failed"
	elif [ $code != 0 ] && [[ $line = *", 0 failed"* ]]; then
		line="${line%%,*}, 1 failed"
	fi
	printf '%s\n' "$line" >"$RESULTS/$name.count"
	say "$name: $line ($((SECONDS - began)) s)"
	[[ $line = *", 0 failed"* ]] && grep -h '^skipped' "$RESULTS/$name.log" && return
	[[ $line = *", 0 failed"* ]] || { say "  exit code $code; the end of $RESULTS/$name.log:"; tail -n 25 "$RESULTS/$name.log" | sed 's/^/  /'; }
}

# The one line at the end; false when something failed.
finish_tests() {
	local counts
	wait_tests
	say "took $SECONDS s"
	counts=$(cat "$RESULTS"/*.count | awk '{ p += $1; f += $3 } END { print p + 0, f + 0 }')
	say "${counts% *} passed, ${counts#* } failed"
	[ "${counts#* }" = 0 ]
}

# build_parts FOLDER: all but main() as an archive there, so that a test program takes in only what it needs.
build_parts() {
	local folder=$1 object
	generate
	objects "$folder" "${OWN_FLAGS[@]}" -- "${PARTS[@]}" "$BUILD"/gen/{version,assets}.c || return 1
	object_list "$folder" "${PARTS[@]}" version.c assets.c
	for object in "${OBJECTS[@]}"; do
		if [ ! "$folder/parts.a" -nt "$object" ]; then
			rm -f "$folder/parts.a"
			"$AR" rcsD "$folder/parts.a" "${OBJECTS[@]}"
			return
		fi
	done
}

# build_tests FOLDER FILE...: each file of tests/ as a program in FOLDER. One that does not build is not there afterwards; the others are.
build_tests() {
	local folder=$1 file out failed=0
	shift
	if ! build_parts "$folder"; then
		for file; do rm -f "$folder/$(basename "$file" .c)"; done
		return 1
	fi
	objects "$folder" "${OWN_FLAGS[@]}" -- "$@" || failed=1
	for file; do
		object_name "$file"
		out=$folder/$(basename "$file" .c)
		[ "$out" -nt "$folder/parts.a" ] && [ "$out" -nt "$folder/$REPLY" ] && [ "$out" -nt "$DEPS/done" ] && [ -e "$folder/$REPLY" ] && continue
		rm -f "$out"
		[ -e "$folder/$REPLY" ] && link "$out" "$folder/$REPLY" "$folder/parts.a" || failed=1
	done
	return $failed
}

# The C tests of one kind of build, with more flags for our own code.
test_kind() {
	local file name folder
	kind "$1"
	shift
	deps
	# The shipped kind's objects are the program's own.
	OWN_FLAGS=("$@")
	[ -n "$MUSL" ] && folder=$BUILD/$KIND || folder=$BUILD/test-$KIND
	run_test "build-$KIND" build_tests "$folder" tests/test_*.c
	for file in tests/test_*.c; do
		name=$(basename "$file" .c)
		[ ! -e "$folder/$name" ] || start_test "$name-$KIND" timeout 300 "$folder/$name"
	done
	wait_tests
}

SANITIZE=(-fsanitize=undefined -fno-sanitize-recover=all -fno-common)
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1

# Each compiler, at each level, against each libc, sees what the others miss.
test_warnings() {
	local compiler level libc files
	# The tests' own files are compiled with warnings by both compilers where they are run.
	files=("${SOURCES[@]}")
	for libc in musl glibc; do
		kind "$libc"
		deps
		for compiler in gcc clang; do
			for level in -O0 -Os; do
				CC=("$compiler") CFLAGS=("$level" -Wdate-time)
				if [ -n "$MUSL" ]; then
					CFLAGS+=(-fPIE)
					if [ $compiler = clang ]; then
						INCLUDES=(-nostdinc -isystem "$DEPS/musl/include" -isystem "$(clang -print-resource-dir)/include" -isystem "$DEPS/include")
					fi
				fi
				run_test "warnings-$compiler$level-$libc" objects "$BUILD/warnings-$compiler$level-$libc" -- "${files[@]}"
			done
		done
	done
}

# build_fuzzers: tests/fuzz_*.c with clang's libFuzzer.
build_fuzzers() {
	kind asan-clang
	deps
	# The archive brings no main(), libFuzzer does.
	OWN_FLAGS=(-fsanitize=fuzzer-no-link "${SANITIZE[@]}")
	LIBS+=(-fsanitize=fuzzer)
	build_tests "$BUILD/fuzz" tests/fuzz_*.c
}

# fuzz_one NAME CORPUS ARGUMENT...: the seeds and what an earlier run found are its beginning.
fuzz_one() {
	local name=$1 corpus=$2 subject=${1#fuzz_}
	shift 2
	mkdir -p "$corpus" "$BUILD/findings"
	# Not more than so much memory, and an answer within seconds: a hostile input must cost us little.
	"$BUILD/fuzz/$name" -seed=1 -timeout=10 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 -artifact_prefix="$BUILD/findings/$name-" \
		$(if [ -e "tests/$name.dict" ]; then echo "-dict=tests/$name.dict"; fi) "$@" "$corpus" \
		$(if [ -d "tests/seeds/$subject" ]; then echo "tests/seeds/$subject"; fi)
}

test_fuzzers() {
	local file name
	compgen -G 'tests/fuzz_*.c' >/dev/null || return 0
	run_test build-fuzzers build_fuzzers
	for file in tests/fuzz_*.c; do
		name=$(basename "$file" .c)
		[ -e "$BUILD/fuzz/$name" ] || continue
		rm -rf "$BUILD/corpus/$name"
		start_test "$name" fuzz_one "$name" "$BUILD/corpus/$name" -runs=20000 -max_total_time=20
	done
	wait_tests
}

# A Python of our own for the tests, with tests/requirements.txt, in the cache.
python_env() {
	local version
	need python3=python3
	version=$({ python3 --version; cat tests/requirements.txt; } | sha256sum | cut -c 1-12)
	VENV=$CACHE/python-$version
	[ -e "$VENV/done" ] && return
	rm -rf "$VENV"
	python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
	say "Setting up Python for the tests"
	python3 -m venv "$VENV" && "$VENV/bin/pip" -q --disable-pip-version-check install -r tests/requirements.txt >"$CACHE/pip.log" 2>&1 ||
		{ cat "$CACHE/pip.log" >&2; die "pip could not set up tests/requirements.txt"; }
	touch "$VENV/done"
}

test_python() {
	local file
	compgen -G 'tests/test_*.py' >/dev/null || return 0
	python_env
	unpack_promtool
	for file in tests/test_*.py; do
		start_test "$(basename "$file" .py)" env DISPATCH="$BUILD/dispatch" BUILD="$BUILD" timeout 580 "$VENV/bin/python" -B "$file"
	done
	wait_tests
}

# Prometheus' checker of rules, out of its package: installing that would start a server. Without it the tests say what they skip.
unpack_promtool() {
	local folder=$CACHE/promtool
	command -v promtool >/dev/null && return
	if [ ! -x "$folder/usr/bin/promtool" ]; then
		mkdir -p "$folder"
		(cd "$folder" && apt-get -q download prometheus && dpkg-deb -x prometheus_*.deb .) >/dev/null 2>&1 || return 0
	fi
	PATH=$PATH:$folder/usr/bin
}

# test_some NAME...: only those of tests/, as test_data or test_cases; C ones with gcc and the sanitizers.
test_some() {
	local name
	build
	start_tests
	for name; do
		if [ -e "tests/$name.py" ]; then
			python_env
			run_test "$name" env DISPATCH="$BUILD/dispatch" BUILD="$BUILD" "$VENV/bin/python" -B "tests/$name.py"
		fi
		if [ -e "tests/$name.c" ] || [ ! -e "tests/$name.py" ]; then
			kind asan-gcc
			deps
			OWN_FLAGS=("${SANITIZE[@]}")
			run_test "build-$name" build_tests "$BUILD/test-$KIND" "tests/$name.c"
			run_test "$name-$KIND" "$BUILD/test-$KIND/$name"
		fi
	done
	finish_tests
}

# What the tests of reliability counted; docs/explanation/reliability.md says what each number means.
say_counts() {
	logs() { find "$RESULTS" -name "$1.log" -exec cat {} +; }
	logs 'test_faults-*' | awk '/ faults survived, / { faults += $1; healed += $4; texts += $7; tools += $10 }
		END { printf "calls and answers failed and survived: %d; worlds healed after them: %d; searched for secrets meanwhile: %d texts, %d tools\n",
			faults, healed, texts, tools }'
	logs 'test_answers-*' | awk '/ wrong answers survived, / { n += $1; healed += $13 }
		END { printf "wrong answers of Juju survived: %d; worlds healed after them: %d\n", n, healed }'
	logs 'fuzz_*' | awk '/stat::number_of_executed_units/ { fuzzers++; n += $2 }
		END { printf "fuzzers: %d; executions: %d\n", fuzzers, n }'
	logs test_limits | awk '/ inputs refused$/ { n += $1 } END { printf "inputs without measure refused: %d\n", n }'
	logs test_secrets | sed -n '/ canaries looked for /p'
}

test_all() {
	need gcc=gcc clang=clang python3=python3 faketime=faketime go=golang-go strace=strace
	build
	start_tests
	test_kind asan-gcc "${SANITIZE[@]}"
	test_kind asan-clang "${SANITIZE[@]}"
	test_kind musl
	test_warnings
	test_fuzzers
	test_python
	wait_tests
	say_counts
	finish_tests
}

fuzz_long() {
	local minutes=${1:-10} file files name
	files=(tests/fuzz_*.c)
	start_tests
	build_fuzzers
	say "$minutes minutes for ${#files[@]} fuzzers; what they find is in $BUILD/findings"
	for file in "${files[@]}"; do
		name=$(basename "$file" .c)
		# Kept, so that the next run goes on where this one ended.
		start_test "$name" fuzz_one "$name" "$CACHE/corpus/$name" -max_total_time=$((minutes * 60 * JOBS / ${#files[@]} + 1))
	done
	finish_tests
}

# analyse [FILE.c...]: gcc's and clang's analysers and cppcheck on our code; its tests under MSan; the program as shipped under valgrind.
analyse() {
	local folder=$BUILD/analyse name file files=("${@:-${SOURCES[@]}}")
	need gcc=gcc clang=clang clang-tidy=clang-tidy cppcheck=cppcheck valgrind=valgrind
	build
	mkdir -p "$folder"
	start_tests
	kind glibc
	deps
	for file in "${files[@]}"; do
		# Memory hangs in its arena until the end, where this analyser loses sight of it; ASan looks for leaks. That p of a struct str is NULL
		# only where its n is 0 it cannot know, nor follow structs that are passed by value: clang's and MSan can.
		start_test "fanalyzer-$file" "${CC[@]}" -O2 "${WARNINGS[@]}" "${STRICT[@]}" "${INCLUDES[@]}" -I. -fanalyzer -Wno-analyzer-malloc-leak \
			-Wno-analyzer-null-dereference -Wno-analyzer-possible-null-dereference -Wno-analyzer-use-of-uninitialized-value -c -o /dev/null "$file"
		# What is left out, and why, stands in .clang-tidy.
		start_test "clang-tidy-$file" clang-tidy --quiet "$file" -- "${WARNINGS[@]}" "${STRICT[@]}" "${INCLUDES[@]}" -I.
	done
	# NULL is a pointer in both libcs. And it follows neither _Noreturn nor values that a function returns through its arguments.
	start_test cppcheck cppcheck --quiet --std=c11 --enable=warning,portability,performance --error-exitcode=1 --suppress=varFuncNullUB \
		--suppress=nullPointerRedundantCheck --suppress=uninitvar -D_GNU_SOURCE -I. "${files[@]}"
	wait_tests
	test_valgrind "$folder"
	kind msan
	deps
	OWN_FLAGS=("${SANITIZE[@]}")
	run_test "build-$KIND" build_tests "$BUILD/test-$KIND" tests/test_*.c
	for file in tests/test_*.c; do
		name=$(basename "$file" .c)
		# MSan does not see what the calls that test_faults replaces have written.
		[ "$name" = test_faults ] || [ ! -e "$BUILD/test-$KIND/$name" ] || start_test "$name-$KIND" timeout 600 "$BUILD/test-$KIND/$name"
	done
	finish_tests
}

# test_valgrind FOLDER: each world of tests/stage, the program as it is shipped, but with its symbols.
test_valgrind() {
	local folder=$1 world
	kind musl
	printf '#!/bin/sh\nexec valgrind -q --error-exitcode=99 --log-file=%s/valgrind.%%p "%s/dispatch"\n' "$folder" "$BUILD/$KIND" >"$folder/valgrind"
	# The hook's PATH leads nowhere.
	sed -i "s,exec valgrind,exec $(command -v valgrind)," "$folder/valgrind"
	chmod +x "$folder/valgrind"
	link_program tests/world/world.c "$folder/world"
	for world in install migration everything; do
		run_test "valgrind-$world" "$folder/world" tests/stage "tests/stage/$world.yaml" "$folder/seen" "$folder/states" "$folder/valgrind" \
			config-changed rotate-secret-key update-status
		[ "$(grep -c ' 0$' "$RESULTS/valgrind-$world.log")" = 3 ] || { cat "$folder"/valgrind.*; echo "0 passed, 1 failed" >"$RESULTS/valgrind-$world.count"; }
	done
	rm -f "$folder"/valgrind.*
}

# build_both FOLDER: tests and the program in one folder, without sanitizers.
build_both() {
	build_tests "$1" tests/test_*.c || say "not all tests compile"
	objects "$1" "${OWN_FLAGS[@]}" -- main.c
	link "$1/dispatch" "$1/main.o" "$1/parts.a"
}

# coverage [FILE.c...]: the branches of our own code that the tests take; of the files named, those they do not.
coverage() {
	local folder=$BUILD/coverage file name cases=../shared
	build
	kind glibc
	deps
	OWN_FLAGS=(-O0 --coverage -fprofile-update=atomic)
	# Counts are written by exit(); a child that ends by _exit() shall count, too.
	objects "$folder-exit" -- tests/coverage.c
	object_name tests/coverage.c
	LIBS+=("$folder-exit/$REPLY" -Wl,--wrap=_exit)
	build_both "$folder"
	find "$folder" -name '*.gcda' -delete
	# Some tests run it as another user, whose branches count as well.
	(umask 0 && "$folder/dispatch" version >/dev/null)
	start_tests
	for file in tests/test_*.c; do
		name=$(basename "$file" .c)
		start_test "$name-c" timeout 600 "$folder/$name"
	done
	wait_tests
	python_env
	for file in tests/test_*.py; do
		name=$(basename "$file" .py)
		case $name in test_build | test_sbom) continue ;; esac
		start_test "$name" env DISPATCH="$folder/dispatch" BUILD="$BUILD" timeout 600 "$VENV/bin/python" -B "$file"
	done
	wait_tests
	if [ -x "$cases/check.sh" ] && command -v go >/dev/null; then
		run_test cases "$cases/check.sh" "$folder/dispatch" "${CASES:-.}" -q
	fi
	finish_tests || true
	python3 tests/coverage.py "$folder" "$@"
}

# mutants [COUNT [FILE.c...]]: that the tests notice when our code is changed.
mutants() {
	local folder=$BUILD/mutants plain=$BUILD/mutants-plain covered=$BUILD/mutants-covered plain_libs contain=()
	# A mutant may signal the wrong process: it sees none but its own, where that can be had.
	if [ "$(id -u)" = 0 ] && unshare -p --fork --mount-proc --kill-child true 2>/dev/null; then
		contain=(unshare -p --fork --mount-proc --kill-child)
	fi
	kind glibc
	deps
	plain_libs="${LIBS[*]}"
	OWN_FLAGS=(-O2 -g0)
	build_parts "$plain"
	objects "$plain" "${OWN_FLAGS[@]}" -- main.c
	link "$plain/dispatch" "$plain/main.o" "$plain/parts.a"
	OWN_FLAGS=(-O0 --coverage -fprofile-update=atomic)
	build_both "$covered"
	kind asan-gcc
	deps
	python_env
	OWN_FLAGS=(-O0 -g0 "${SANITIZE[@]}")
	build_both "$folder"
	COMPILE="${CC[*]} ${CFLAGS[*]} ${OWN_FLAGS[*]} -std=c11 -D_GNU_SOURCE ${INCLUDES[*]}" LINK="${CC[*]} ${CFLAGS[*]} ${OWN_FLAGS[*]}" \
		LINK_LIBS="${LIBS[*]}" PLAIN_LIBS="$plain_libs" JOBS=$JOBS ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 \
		"${contain[@]}" "$VENV/bin/python" -B tests/mutants.py "$folder" "$plain" "$covered" "${@:-200}"
}

# link_program SOURCE OUT: a helper of the tests, with its own main(), under the sanitizers.
link_program() {
	kind asan-gcc
	deps
	OWN_FLAGS=("${SANITIZE[@]}")
	with_lock build_parts "$BUILD/test-$KIND"
	link_source "$1" "$2" "$BUILD/test-$KIND"
}

# link_source SOURCE OUT FOLDER: with FOLDER's parts.
link_source() {
	"${CC[@]}" "${CFLAGS[@]}" "${OWN_FLAGS[@]}" "${WARNINGS[@]}" "${STRICT[@]}" "${INCLUDES[@]}" -I. -c -o "$2.o" "$1"
	link "$2" "$2.o" "$3/parts.a"
}

# bench [ARGUMENT...]: what a hook costs, in pairs with a charm in Python. PYTHON_CHARM=folder names a whole one.
bench() {
	local folder=$BUILD/bench tool
	build
	python_env
	need strace=strace
	kind glibc
	OWN_FLAGS=(-O2)
	deps
	build_parts "$folder"
	link_source tests/bench/world.c "$folder/world" "$folder"
	kind musl
	build_parts "$BUILD/$KIND"
	mkdir -p "$folder/tools"
	link_source tests/bench/measure.c "$folder/measure" "$BUILD/$KIND"
	link_source tests/bench/empty.c "$folder/empty" "$BUILD/$KIND"
	link_source tests/bench/tool.c "$folder/tool" "$BUILD/$KIND"
	for tool in action-{fail,get,log,set} application-version-set close-port config-get is-leader juju-log juju-reboot network-get open{,ed}-port{,s} \
		relation-{get,ids,list,model-get,set} secret-{add,get,grant,ids,info-get,remove,revoke,set} state-{delete,get,set} status-{get,set} unit-get; do
		ln -sf ../tool "$folder/tools/$tool"
	done
	BENCH=$folder DISPATCH=$BUILD/dispatch CACHE=$CACHE "$VENV/bin/python" -B tests/bench/bench.py "$@"
}

# --- Other architectures. ---

# Debian's cross compilers and musl from its source, once for each: what the host's own build is made with, too.
cross() {
	local arch failed=0
	for arch in "${@:-$ARCHITECTURES}"; do
		for arch in $arch; do
			kind "musl-$arch"
			deps
			with_lock build_program "$BUILD/dispatch-$arch"
			show_size "$BUILD/dispatch-$arch"
		done
	done
}

qemu_of() {
	case $1 in
	amd64) echo qemu-x86_64 ;; arm64) echo qemu-aarch64 ;; ppc64el) echo qemu-ppc64le ;; *) echo "qemu-$1" ;;
	esac
}

# All of them: the C tests and, where the recorded cases are beside us, those, under qemu-user; and each built twice.
test_cross() {
	local arch qemu file name cases=../shared
	need qemu-aarch64=qemu-user
	cross "$@"
	start_tests
	for arch in "${@:-$ARCHITECTURES}"; do
		for arch in $arch; do
			qemu=$(qemu_of "$arch")
			kind "musl-$arch"
			run_test "build-$arch" build_tests "$BUILD/$KIND" tests/test_*.c
			for file in tests/test_*.c; do
				name=$(basename "$file" .c)
				[ ! -e "$BUILD/$KIND/$name" ] || start_test "$name-$arch" env TEST_UNDER="$qemu" timeout 600 "$qemu" "$BUILD/$KIND/$name"
			done
			wait_tests
			if [ -x "$cases/check.sh" ]; then
				printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$qemu" "$BUILD/dispatch-$arch" >"$BUILD/$KIND/under-qemu"
				chmod +x "$BUILD/$KIND/under-qemu"
				run_test "cases-$arch" "$cases/check.sh" "$BUILD/$KIND/under-qemu" "${CASES:-.}" -q
			fi
			start_test "reproducible-$arch" same_elsewhere "$arch"
			wait_tests
		done
	done
	finish_tests
}

# same_elsewhere ARCH: another folder, another cache, another locale and umask; the libraries again, too.
same_elsewhere() {
	local other
	other=$(mktemp -d)
	cp -R ./*.c ./*.h build.sh deps.lock "$other"
	[ ! -d assets ] || cp -R assets "$other"
	(
		umask 077
		cd "$other"
		env -u BUILD_DIR XDG_CACHE_HOME="$other/cache" DEPS_DIR="$CACHE/sources" LC_ALL=C.UTF-8 TZ=Pacific/Apia ./build.sh cross "$1"
	) && cmp "$BUILD/dispatch-$1" "$other/build/dispatch-$1" || { rm -rf "$other"; return 1; }
	rm -rf "$other"
}

# What the executable is made of, as SPDX 2.3. The same executable gives the same text: its date is the last commit's.
sbom() {
	local name version hash file licence ours epoch=0
	build
	ours=$(sha256sum <"$BUILD/dispatch" | cut -d ' ' -f 1)
	[ ! -e .git ] || epoch=$(git log -1 --format=%ct)
	{
		cat <<-END
			{
			  "spdxVersion": "SPDX-2.3",
			  "dataLicense": "CC0-1.0",
			  "SPDXID": "SPDXRef-DOCUMENT",
			  "name": "dispatch-$VERSION-$ARCH",
			  "documentNamespace": "https://spdx.org/spdxdocs/dispatch-$VERSION-$ARCH-$ours",
			  "creationInfo": {
			    "created": "$(date -u -d "@${SOURCE_DATE_EPOCH:-$epoch}" +%Y-%m-%dT%H:%M:%SZ)",
			    "creators": ["Tool: build.sh-$VERSION"]
			  },
			  "packages": [
			    {
			      "name": "monocharm", "SPDXID": "SPDXRef-monocharm", "versionInfo": "$VERSION",
			      "packageFileName": "dispatch", "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
			      "checksums": [{ "algorithm": "SHA256", "checksumValue": "$ours" }],
			      "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
			      "primaryPackagePurpose": "APPLICATION"
			    }
		END
		while read -r name version hash file licence; do
			cat <<-END
				    , {
				      "name": "$name", "SPDXID": "SPDXRef-$name", "versionInfo": "$version",
				      "packageFileName": "$file", "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
				      "sourceInfo": "the upstream tarball of Debian's source package $name, compiled in part and without changes",
				      "checksums": [{ "algorithm": "SHA256", "checksumValue": "$hash" }],
				      "licenseConcluded": "$licence", "licenseDeclared": "$licence", "copyrightText": "NOASSERTION",
				      "externalRefs": [{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
				        "referenceLocator": "pkg:generic/$name@$version?checksum=sha256:$hash" }],
				      "primaryPackagePurpose": "LIBRARY"
				    }
			END
		done < <(lock)
		# gcc's helpers for what the processor has no instruction for; named only if any is linked.
		if libgcc_linked; then
			cat <<-END
				    , {
				      "name": "libgcc", "SPDXID": "SPDXRef-libgcc", "versionInfo": "$("${CC[@]}" -dumpfullversion)",
				      "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
				      "sourceInfo": "from the compiler: $("${CC[@]}" --version | head -n 1)",
				      "licenseConcluded": "GPL-3.0-or-later WITH GCC-exception-3.1",
				      "licenseDeclared": "GPL-3.0-or-later WITH GCC-exception-3.1", "copyrightText": "NOASSERTION",
				      "primaryPackagePurpose": "LIBRARY"
				    }
			END
		fi
		echo '  ],'
		echo '  "relationships": ['
		echo '    { "spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-monocharm" }'
		for name in $(lock | cut -d ' ' -f 1) $(if libgcc_linked; then echo libgcc; fi); do
			echo "    , { \"spdxElementId\": \"SPDXRef-monocharm\", \"relationshipType\": \"STATIC_LINK\", \"relatedSpdxElement\": \"SPDXRef-$name\" }"
		done
		echo '  ]'
		echo '}'
	} | replace "$BUILD/sbom.spdx.json"
	say "$BUILD/sbom.spdx.json"
}

libgcc_linked() { link "$BUILD/$KIND/traced" "${OBJECTS[@]}" -Wl,-t,-t | grep 'libgcc\.a.*\.o' >/dev/null; }

# The pages of the reference that dispatch prints itself.
docs() {
	local page
	build
	for page in $("$BUILD/dispatch" docs); do
		"$BUILD/dispatch" docs "$page" | replace "docs/reference/$page.md"
	done
}

demo() {
	build
	"$BUILD/dispatch" run config-changed --charm examples/flask --state examples/flask/state.yaml
}

help() {
	cat <<-'END'
		./build.sh [COMMAND]: dispatch as one static executable, build/dispatch

		  (none)           build it; a second time only what has changed
		  demo             build it, and run config-changed of examples/flask on the simulator
		  test [NAME...]   all tests; or some, as test_data or test_cases
		  coverage [FILE.c...]   branches that the tests take; of FILE, those they do not
		  mutants [COUNT [FILE.c...]]   change our code in COUNT places (200), one at a time: does a test notice?
		  analyse [FILE.c...]   gcc's and clang's analysers, cppcheck, MSan, valgrind
		  bench [ROUNDS]   what a hook costs, beside a charm in Python; PYTHON_CHARM=folder names one
		  cross [ARCH...]  build/dispatch-ARCH for amd64, arm64, ppc64el, s390x, riscv64
		  test-cross [ARCH...]   those, tested under qemu-user, and that each comes out the same twice
		  link SOURCE OUT  a helper of the tests, with its own main()
		  docs             write the pages of docs/reference that dispatch prints
		  sbom             build/sbom.spdx.json: versions, sources, licences and hashes of all that is in it
		  fuzz [MINUTES]   the fuzzers, for longer (10)
		  deps [KIND...]   only the libraries
		  objects [KIND]   compile all files, and go on after one that does not compile
		  flags, libs [KIND]   what a compiler needs to use those libraries

		KIND: musl (the program as shipped), musl-ARCH, glibc, asan-gcc, asan-clang, msan.
		BUILD_DIR=folder builds there instead of in build/. DEPS_DIR=folder takes the libraries' tarballs from there, without a network.
	END
}

# --- Commands. ---

# The whole script is read before any of it runs: it may be changed meanwhile.
main() {
	local command=${1:-build} k
	[ $# -eq 0 ] || shift
	mkdir -p "$CACHE"
	case $command in
	build) build ;;
	demo) demo ;;
	test) if [ $# -eq 0 ]; then test_all; else test_some "$@"; fi ;;
	fuzz) fuzz_long "$@" ;;
	coverage) coverage "$@" ;;
	mutants) mutants "$@" ;;
	analyse) analyse "$@" ;;
	bench) bench "$@" ;;
	cross) cross "$@" ;;
	test-cross) test_cross "$@" ;;
	sbom) sbom ;;
	docs) docs ;;
	deps) for k in "${@:-musl}"; do kind "$k"; deps; say "$k: $DEPS"; done ;;
	objects) kind "${1:-glibc}"; deps; with_lock generate; objects "$BUILD/$KIND" -- "${SOURCES[@]}" "$BUILD"/gen/{version,assets}.c ;;
	flags) kind "${1:-glibc}"; deps >&2; say "${CFLAGS[@]} ${INCLUDES[@]} -I." ;;
	libs) kind "${1:-glibc}"; deps >&2; say "${LIBS[@]}" ;;
	link) link_program "$@" ;;
	-h | --help | help) help ;;
	*) die "no such command: $command (./build.sh --help tells them)" ;;
	esac
}

main "$@"; exit
