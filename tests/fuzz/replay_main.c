/* Runs every file of the folders named on the command line through the fuzz target once: what the fuzzers found, and
 * their seeds, as an ordinary test. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) return -1;
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size + 1);
    size_t got = data != NULL ? fread(data, 1, size, file) : 0;
    if (data != NULL && got == size) LLVMFuzzerTestOneInput(data, size);
    free(data);
    fclose(file);
    return got == size ? 0 : -1;
}

static int replay_folder(const char *folder) {
    DIR *listing = opendir(folder);
    if (listing == NULL) return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (replay_file(path) != 0) {
            perror(path);
            count = -1;
            break;
        }
        count++;
    }
    closedir(listing);
    return count;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count <= 0) {
            fprintf(stderr, "%s: no seeds could be replayed\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs replayed\n", argv[i], count);
    }
    return argc > 1 ? 0 : 2;
}
