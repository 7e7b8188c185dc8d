/* Prints a file of a node's world.
 *
 *   read INIT PATH      INIT is the pid of the node container's first process
 *
 * The learner owns every path of the world. It is resolved with the world's root as root and no magic
 * links (man 2 openat2), so a symbolic link leads to where a program in the node would be led, and never
 * out of it. Only a regular file is read, and only its beginning: neither a pipe nor a device nor an
 * endless file can hold the reader up. Status 1: there is no such file, or it is none of that kind. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 16 };

int run_read(int argc, char **argv)
{
	errno = 0;
	if (argc != 3)
		die("read: wanted INIT and PATH");
	pid_t world = find_world(atoi(argv[1]));
	if (world < 0)
		die("read: the node has no running world");

	char root_path[64];
	snprintf(root_path, sizeof root_path, "/proc/%d/root", (int)world);
	int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		die("read: cannot open the root of the world");
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int file = syscall(SYS_openat2, root, argv[2], &how, sizeof how);
	struct stat about;
	if (file < 0 || fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
		fprintf(stderr, "%s\n", file < 0 ? strerror(errno) : "Not a regular file");
		return 1;
	}

	static char buffer[MOST_BYTES];
	size_t length = 0;
	for (ssize_t got; length < sizeof buffer && (got = read(file, buffer + length, sizeof buffer - length)) > 0;)
		length += got;
	return fwrite(buffer, 1, length, stdout) == length ? 0 : 125;
}
