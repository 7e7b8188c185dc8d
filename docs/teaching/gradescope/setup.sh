#!/bin/sh
# Gradescope runs this once, while it builds the image of the autograder: all that grading needs.
set -e
apt-get update -qq
apt-get install -y -qq ca-certificates curl docker.io iptables tar
curl -fsSL https://deb.nodesource.com/setup_24.x | bash -
apt-get install -y -qq nodejs
mkdir -p /autograder/podwire
tar -xzf /autograder/source/podwire.tar.gz -C /autograder/podwire
# The dependencies, and the node image where an engine may run by now. Where it may not, run_autograder loads it.
/autograder/podwire/harness/bin/podwire bundle --load /autograder/source/bundle.tar.gz ||
	echo "No engine runs while the image of the autograder is made: the node image is loaded at the first grading." >&2
