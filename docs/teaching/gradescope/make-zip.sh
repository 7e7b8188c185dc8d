#!/bin/sh
# Makes autograder.zip for a lab: make-zip.sh 03 [OUTPUT]
# It holds the workbook, and a bundle with the node image and the dependencies: nothing is built or fetched while
# somebody waits for a grade. Make it on a machine like Gradescope's: Linux on x86-64.
set -e
lab=${1:?make-zip.sh: wanted the number of a lab, like 03}
output=${2:-autograder.zip}
here=$(cd -P -- "$(dirname -- "$0")" && pwd)
root=$(cd -P -- "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git -C "$root" archive --format=tar.gz -o "$work/podwire.tar.gz" HEAD
"$root/harness/bin/podwire" bundle "$work/bundle.tar.gz"
printf '%s\n' "$lab" >"$work/lab"
cp "$here/setup.sh" "$here/run_autograder" "$work/"
chmod +x "$work/setup.sh" "$work/run_autograder"
rm -f "$output"
target=$(cd -P -- "$(dirname -- "$output")" && pwd)/$(basename -- "$output")
(cd "$work" && zip -q "$target" setup.sh run_autograder lab podwire.tar.gz bundle.tar.gz)
echo "Made $output: upload it as the autograder of the assignment."
