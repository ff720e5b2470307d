/*
 * The attacker: shows what its process holds, takes everything the kernel lets it take, and shows
 * that. With arguments it goes on as another program, so that a chain shows before and after:
 * `sets sets-setuid`.
 *
 * The same program is installed in several guises: plain, setuid root, and with file capabilities.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void show(const char *moment, const char *program)
{
    static const char *const rows[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:"};
    FILE *status = fopen("/proc/self/status", "r");
    char line[4096];

    printf("== %s %s\n", program, moment);
    while (status && fgets(line, sizeof line, status))
        for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
            if (strncmp(line, rows[row], strlen(rows[row])) == 0)
                fputs(line, stdout);
    if (status)
        fclose(status);
    fflush(stdout);
}

/* Every refusal is expected somewhere: what counts is what show() finds afterwards. */
static void raise_all(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];

    if (syscall(SYS_capget, &header, sets) != 0)
        return;
    for (int word = 0; word < 2; word++) {
        sets[word].effective = sets[word].permitted;
        sets[word].inheritable = sets[word].permitted;
    }
    syscall(SYS_capset, &header, sets);
    for (unsigned long capability = 0; capability < 64; capability++)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

static void take(void)
{
    raise_all();
    if (setresuid(0, 0, 0) == 0)
        raise_all();
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];

    show("starts", program);
    take();
    show("takes", program);
    if (argc < 2)
        return 0;
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 126;
}
