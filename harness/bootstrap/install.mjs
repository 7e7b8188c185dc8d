// Sets up what Podwire's own code needs: its dependencies and a current Node. Plain JavaScript without
// dependencies, because nothing is installed yet and the machine's Node may be old.
if (Number(process.versions.node.split('.')[0]) < 18) {
  process.stderr.write(
    `Podwire needs Node 20 or newer to begin with, and \`node\` on the PATH is ${process.version} (${process.execPath}).\n` +
      'Install a current one from https://nodejs.org and run the same command again.\n',
  );
  process.exitCode = 3;
} else {
  // Loaded only now: an older Node could not even read it.
  import('./set-up.mjs').then(({ main }) => main());
}
