/* How a program of the agent gives up: the reason, errno if it says anything, status 125. */
#include "agent.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *format, ...)
{
	va_list arguments;
	int saved = errno;
	va_start(arguments, format);
	fprintf(stderr, "podwire-agent: ");
	vfprintf(stderr, format, arguments);
	if (saved)
		fprintf(stderr, ": %s", strerror(saved));
	fputc('\n', stderr);
	va_end(arguments);
	exit(125);
}
