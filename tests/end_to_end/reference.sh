#!/usr/bin/env bash
# docs/reference.md is what the command says of itself, the man page has no mistakes, and completions offer what they should.
#   reference.sh FORESEED SOURCE
set -u
foreseed=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
complain() { echo "FAILED: $1"; failures=$((failures + 1)); }

"$foreseed" generate markdown >reference.md
diff "$source/docs/reference.md" reference.md || complain "docs/reference.md is not what \`foreseed generate markdown\` prints"
"$foreseed" --help | grep -q generate && complain "generate is for the build only"

"$foreseed" generate man >foreseed.1
grep -q '^.SS foreseed check \[scenario..\] \[OPTIONS\]$' foreseed.1 || complain "the man page has no check"
if command -v man >man.path; then
  [ -z "$(LC_ALL=C.UTF-8 man --warnings -l foreseed.1 2>&1 >man.txt)" ] && [ "$(wc -l <man.txt)" -gt 100 ] || complain "the man page does not format"
fi

# bash completes VERB, its options, the values of one, and scenarios.
mkdir bin
ln -s "$foreseed" bin/foreseed
PATH=$work/bin:$PATH
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _foreseed
  echo "${COMPREPLY[*]}"
}
"$foreseed" generate bash >completion.bash
. ./completion.bash
[ "$(complete_words foreseed mini)" = minimize ] || complain "bash: verbs: $(complete_words foreseed mini)"
[ "$(complete_words foreseed check --keep)" = --keep-going ] || complain "bash: options: $(complete_words foreseed check --keep)"
[ "$(complete_words foreseed run --memory c)" = c11 ] || complain "bash: values: $(complete_words foreseed run --memory c)"
[ "$(complete_words foreseed check naive_)" = naive_breaker ] || complain "bash: scenarios: $(complete_words foreseed check naive_)"

"$foreseed" generate zsh >_foreseed
"$foreseed" generate fish >foreseed.fish
if command -v zsh >zsh.path; then zsh -n _foreseed || complain "zsh does not read its completion"; fi
if command -v fish >fish.path; then
  fish -n foreseed.fish || complain "fish does not read its completion"
  offered=$(fish --private -c 'source foreseed.fish; complete -C "foreseed run --memory "' | cut -f1 | tr '\n' ' ')
  [ "$offered" = "c11 sc tso " ] || complain "fish: values: $offered"
fi

[ $failures -eq 0 ] && echo "reference: all as expected"
exit $((failures != 0))
