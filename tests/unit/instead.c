/* Holds what of instead.c moves, fills and compares bytes and texts against loops. Ends with the number of what is wrong. */

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 100, FURTHEST = 40, ROOM = LONGEST + FURTHEST };

static unsigned char ours[ROOM], loops[ROOM], before[ROOM];

static void fill(void) {
    for (int at = 0; at < ROOM; at++)
        ours[at] = loops[at] = before[at] = rand() >> 8;
}

static int differ(void) {
    for (int at = 0; at < ROOM; at++)
        if (ours[at] != loops[at])
            return 1;
    return 0;
}

static int sign(int number) { return (number > 0) - (number < 0); }

static int compared(const unsigned char *a, const unsigned char *b, int size) {
    for (int at = 0; at < size; at++)
        if (a[at] != b[at])
            return a[at] < b[at] ? -1 : 1;
    return 0;
}

static int bytes(int size, int from, int to) {
    fill();
    for (int at = 0; at < size; at++)
        loops[to + at] = before[from + at];
    if (memmove(ours + to, ours + from, size) != ours + to || differ())
        return 1;
    fill();
    for (int at = 0; at < size; at++)
        loops[to + at] = (unsigned char)(from - to);
    if (memset(ours + to, from - to, size) != ours + to || differ())
        return 2;
    fill();
    if (size)
        ours[from + rand() % size] = rand() >> 8, ours[from + rand() % size] ^= rand() >> 8 & 0x81;
    if (sign(memcmp(ours + from, loops + from, size)) != compared(ours + from, loops + from, size))
        return 3;
    return 0;
}

static int memory(int size) {
    unsigned char *zero = calloc(1, size);
    for (int at = 0; at < size; at++)
        if (zero[at])
            return 4;
    memset(zero, 1, size);
    free(zero);
    return 0;
}

static int environment(void) {
    setenv("NAME", "1", 1), setenv("NAMES", "2", 1), setenv("NAM", "3", 1);
    unsetenv("NAME"), unsetenv("OTHER");
    if (getenv("NAME") || !getenv("NAMES") || !getenv("NAM"))
        return 5;
    return 0;
}

int main(void) {
    int wrong = environment();
    for (int size = 0; size <= LONGEST && !wrong; size++)
        for (int from = 0; from <= FURTHEST && !wrong; from++)
            for (int to = 0; to <= FURTHEST && !wrong; to++)
                wrong = bytes(size, from, to);
    for (int size = 1; size < 3000 && !wrong; size++)
        wrong = memory(size);
    return wrong;
}
