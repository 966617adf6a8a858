/* Pieces: which entries hold a bundle's files and the rows of entities. Worlds: what was made of them. */
#include "guard/replay_bundle.h"

#include <stdlib.h>

#include "base/json_read.h"
#include "base/map.h"
#include "guard/bundle_rows.h"
#include "ledger/reader.h"
#include "ledger/seal.h"

#define PIECES_ARENA_BYTES (256u << 20)
#define TEXT_ARENA_BYTES (1024u << 20)
#define TEXT_BYTES_MAX (64u << 20)
#define HASH_SHOWN_BYTES 4 /* of a hash, in texts for people */

/* The entries that hold one bundle or one set of entities, by their number. */
struct pieces {
    struct sha256 hash; /* the key in the map */
    uint64_t *indexes;  /* UINT64_MAX: not seen */
    size_t count;       /* numbers seen so far: indexes has room for these */
    size_t capacity;
    bool is_complete;   /* of entities: the last entry was seen */
};

struct world {
    const char *directory; /* borrowed; NULL: recorded */
    struct sha256 bundle;  /* where directory is NULL */
    struct sha256 entities;
    struct identity *identity;
    struct bundle *policies;
    struct error problem; /* where policies is NULL */
    struct map sessions;  /* of struct kept_session, by principal NUL address */
};

struct kept_session {
    struct policy_session *policy;
    char key[];
};

struct replay_bundles {
    struct ledger_reader *reader;
    const char *sealed;
    struct str kek;
    struct arena arena; /* pieces */
    struct map bundles;
    struct map entities;
    size_t piece_count;
    struct world worlds[REPLAY_WORLDS_MAX];
    size_t world_count;
    struct world *newest; /* the one that was used last */
};

static struct str hash_text(const struct sha256 *hash, char text[2 * HASH_SHOWN_BYTES]) {
    struct buffer hex = {.data = text, .capacity = 2 * HASH_SHOWN_BYTES, .cap_bytes = 2 * HASH_SHOWN_BYTES};
    hex_append(&hex, str_make(hash->bytes, HASH_SHOWN_BYTES));
    return buffer_view(&hex);
}

/* ---- Pieces -------------------------------------------------------------------------------------------------- */

/* What the two kinds of entries say, in one struct. */
struct piece {
    struct sha256 hash;
    uint64_t number;
    uint64_t files;
    struct str file;
    struct sha256 file_hash;
    struct str text; /* raw: a string in its quotes, or a commitment */
    const struct str *rows;
    size_t row_count;
    bool is_continued;
};

static void read_hash(struct json_reader *reader, struct sha256 *hash) {
    struct buffer bytes = {
        .data = (char *)hash->bytes, .capacity = sizeof(hash->bytes), .cap_bytes = sizeof(hash->bytes)};
    struct str text = json_read_string(reader);
    if (text.length != 2 * SHA256_BYTES || hex_decode(text, &bytes) != 0) reader->is_bad = true;
}

static int read_piece(const struct ledger_entry *entry, struct arena *arena, struct piece *piece, struct error *error) {
    struct json_reader reader;
    struct str key;
    *piece = (struct piece){.files = 0};
    json_reader_init(&reader, entry->event, arena);
    json_read_object(&reader);
    while (json_read_member(&reader, &key)) {
        if (str_equal(key, STR("bundle")) || str_equal(key, STR("entities"))) read_hash(&reader, &piece->hash);
        else if (str_equal(key, STR("number"))) piece->number = (uint64_t)json_read_integer(&reader);
        else if (str_equal(key, STR("files"))) piece->files = (uint64_t)json_read_integer(&reader);
        else if (str_equal(key, STR("file"))) piece->file = json_read_string(&reader);
        else if (str_equal(key, STR("sha256"))) read_hash(&reader, &piece->file_hash);
        else if (str_equal(key, STR("text"))) piece->text = json_read_raw(&reader);
        else if (str_equal(key, STR("rows"))) piece->rows = json_read_array(&reader, &piece->row_count);
        else if (str_equal(key, STR("to_be_continued"))) piece->is_continued = json_read_bool(&reader);
        else json_skip(&reader);
    }
    bool is_good = json_reader_is_good(&reader) && piece->number > 0 && piece->number <= REPLAY_PIECES_MAX;
    if (is_good) return 0;
    return error_set(error, ERROR_INVALID, "entry %llu: it is not as doc/evidence-format.md has it",
                     (unsigned long long)entry->index);
}

static struct pieces *find_pieces(struct replay_bundles *bundles, struct map *map, const struct sha256 *hash) {
    struct pieces *pieces = map_get(map, str_make(hash->bytes, SHA256_BYTES));
    if (pieces != NULL) return pieces;
    pieces = ARENA_NEW(&bundles->arena, struct pieces);
    if (pieces == NULL) return NULL;
    pieces->hash = *hash;
    return map_set(map, str_make(pieces->hash.bytes, SHA256_BYTES), pieces) == 0 ? pieces : NULL;
}

static int grow_pieces(struct replay_bundles *bundles, struct pieces *pieces, uint64_t number, struct error *error) {
    if (number <= pieces->capacity) return 0;
    size_t capacity = pieces->capacity == 0 ? 4 : pieces->capacity * 2;
    if (capacity < number) capacity = number;
    bundles->piece_count += capacity - pieces->capacity;
    if (bundles->piece_count > REPLAY_PIECES_MAX) {
        return error_set(error, ERROR_LIMIT, "the log has more than %u entries of bundles", REPLAY_PIECES_MAX);
    }
    uint64_t *larger = ARENA_NEW_ARRAY(&bundles->arena, uint64_t, capacity);
    if (larger == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < capacity; i++) larger[i] = i < pieces->capacity ? pieces->indexes[i] : UINT64_MAX;
    pieces->indexes = larger;
    pieces->capacity = capacity;
    return 0;
}

int replay_bundles_note(struct replay_bundles *bundles, const struct ledger_entry *entry, struct error *error) {
    bool is_bundle = str_equal(entry->summary.type, EVENT_BUNDLE_ACTIVATED);
    if (!is_bundle && !str_equal(entry->summary.type, EVENT_ENTITIES_ACTIVATED)) return 0;
    struct arena arena;
    struct piece piece;
    arena_init(&arena, TEXT_BYTES_MAX);
    int result = read_piece(entry, &arena, &piece, error);
    arena_free(&arena);
    if (result != 0) return -1;
    struct pieces *pieces = find_pieces(bundles, is_bundle ? &bundles->bundles : &bundles->entities, &piece.hash);
    if (pieces == NULL) return error_out_of_memory(error);
    if (grow_pieces(bundles, pieces, piece.number, error) != 0) return -1;
    pieces->indexes[piece.number - 1] = entry->index; /* the newest: an older one may have been erased */
    if (piece.number > pieces->count) pieces->count = piece.number;
    if (is_bundle) pieces->is_complete = piece.files == pieces->count;
    else if (!piece.is_continued) pieces->is_complete = true;
    return 0;
}

/* ---- Texts --------------------------------------------------------------------------------------------------- */

static int reread(struct replay_bundles *bundles, uint64_t index, struct arena *arena, struct piece *piece,
                  struct error *error) {
    struct ledger_entry entry;
    if (index == UINT64_MAX) return error_set(error, ERROR_NOT_FOUND, "an entry of it is not in the log");
    if (ledger_reader_get(bundles->reader, index, &entry, error) != 0) return -1;
    struct str event = arena_copy(arena, entry.event); /* the reader goes on */
    if (event.data == NULL) return error_out_of_memory(error);
    entry.event = event;
    return read_piece(&entry, arena, piece, error);
}

static int open_sealed(const struct replay_bundles *bundles, struct str commitment_text, struct buffer *out,
                       struct error *error) {
    struct seal_commitment commitment;
    if (bundles->kek.length == 0) {
        return error_set(error, ERROR_DENIED, "its text is sealed: the key of a configuration opens it (--config)");
    }
    if (seal_commitment_parse(commitment_text, &commitment, error) != 0) return -1;
    return seal_open(bundles->sealed, bundles->kek, &commitment, out, error);
}

static int read_text(const struct replay_bundles *bundles, const struct piece *piece, struct arena *arena,
                     struct str *text, struct error *error) {
    struct buffer bytes;
    buffer_init(&bytes, TEXT_BYTES_MAX);
    bool is_plain = str_starts_with(piece->text, STR("\""));
    int result = is_plain ? json_unescape(str_slice(piece->text, 1, piece->text.length - 1), &bytes)
                          : open_sealed(bundles, piece->text, &bytes, error);
    if (result != 0 && is_plain) error_set(error, ERROR_INVALID, "its text is not a JSON string");
    if (result == 0) *text = arena_copy(arena, buffer_view(&bytes));
    buffer_free(&bytes);
    if (result != 0) return error_prefix(error, "%.*s", STR_ARGS(piece->file));
    if (text->data == NULL) return error_out_of_memory(error);
    struct sha256 hash = sha256_of(*text);
    if (sha256_equal(&hash, &piece->file_hash)) return 0;
    return error_set(error, ERROR_INVALID, "the text of %.*s does not have the hash that is recorded with it: "
                     "`sworn audit verify` tells whether the evidence was changed", STR_ARGS(piece->file));
}

static int read_bundle(struct replay_bundles *bundles, const struct pieces *pieces, struct arena *arena,
                       struct bundle_source *source, struct error *error) {
    if (pieces == NULL || !pieces->is_complete) {
        return error_set(error, ERROR_NOT_FOUND, "the log does not have its text");
    }
    struct bundle_text *texts = ARENA_NEW_ARRAY(arena, struct bundle_text, pieces->count);
    if (texts == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece piece;
        if (reread(bundles, pieces->indexes[i], arena, &piece, error) != 0 ||
            read_text(bundles, &piece, arena, &texts[i].text, error) != 0) {
            return -1;
        }
        texts[i].name = piece.file;
    }
    source->texts = texts;
    source->text_count = pieces->count;
    source->directory = "evidence";
    return 0;
}

static int read_rows(struct replay_bundles *bundles, const struct pieces *pieces, struct arena *arena,
                     struct buffer *rows, struct error *error) {
    if (pieces == NULL || !pieces->is_complete) {
        return error_set(error, ERROR_NOT_FOUND, "the log does not have their rows");
    }
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece piece;
        if (reread(bundles, pieces->indexes[i], arena, &piece, error) != 0) return -1;
        for (size_t row = 0; row < piece.row_count; row++) {
            buffer_append_str(rows, piece.rows[row]);
            buffer_append_byte(rows, '\n');
        }
    }
    if (buffer_failed(rows)) return error_set(error, ERROR_LIMIT, "they are more than %u bytes", BUNDLE_ROWS_BYTES_MAX);
    struct sha256 hash = sha256_of(buffer_view(rows));
    if (sha256_equal(&hash, &pieces->hash)) return 0;
    return error_set(error, ERROR_INVALID, "their rows do not have the hash that is recorded with them: "
                     "`sworn audit verify` tells whether the evidence was changed");
}

/* ---- Worlds -------------------------------------------------------------------------------------------------- */

static void clear_sessions(struct world *world) {
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(&world->sessions, &cursor, &key, &value)) {
        struct kept_session *kept = value;
        policy_session_free(&kept->policy);
        free(kept);
    }
    map_clear(&world->sessions);
}

static void world_clear(struct world *world) {
    clear_sessions(world);
    map_free(&world->sessions);
    bundle_release(&world->policies);
    identity_release(&world->identity);
}

static int world_entities(struct replay_bundles *bundles, struct world *world, struct arena *arena, struct buffer *text,
                          struct bundle_source *source, struct error *error) {
    char shown[2 * HASH_SHOWN_BYTES];
    struct bundle_rows rows;
    const struct pieces *pieces = map_get(&bundles->entities, str_make(world->entities.bytes, SHA256_BYTES));
    if (read_rows(bundles, pieces, arena, text, error) != 0 ||
        bundle_rows_parse(arena, buffer_view(text), &rows, error) != 0) {
        return error_prefix(error, "entities %.*s", STR_ARGS(hash_text(&world->entities, shown)));
    }
    world->identity = identity_new(rows.principals, rows.principal_count, error);
    if (world->identity == NULL) return -1;
    source->identity = world->identity;
    source->upstreams = rows.upstreams;
    source->upstream_count = rows.upstream_count;
    source->resources = rows.resources;
    source->resource_count = rows.resource_count;
    source->verbs = rows.verbs;
    source->verb_count = rows.verb_count;
    return 0;
}

static int world_policies(struct replay_bundles *bundles, struct world *world, struct arena *arena,
                          struct bundle_source *source, struct error *error) {
    char shown[2 * HASH_SHOWN_BYTES];
    source->directory = world->directory;
    if (world->directory != NULL) {
        world->policies = bundle_load(source, NULL, error);
        return world->policies != NULL ? 0 : -1;
    }
    const struct pieces *pieces = map_get(&bundles->bundles, str_make(world->bundle.bytes, SHA256_BYTES));
    int result = read_bundle(bundles, pieces, arena, source, error);
    if (result == 0) world->policies = bundle_load(source, NULL, error);
    if (world->policies != NULL && !sha256_equal(bundle_hash(world->policies), &world->bundle)) {
        bundle_release(&world->policies);
        error_set(error, ERROR_INVALID, "its files do not have the hash of the bundle: `sworn audit verify` tells whether "
                                        "the evidence was changed");
    }
    if (world->policies != NULL) return 0;
    return error_prefix(error, "bundle %.*s", STR_ARGS(hash_text(&world->bundle, shown)));
}

static void world_fill(struct replay_bundles *bundles, struct world *world) {
    struct arena arena;
    struct buffer rows;
    struct bundle_source source = {.directory = NULL};
    arena_init(&arena, TEXT_ARENA_BYTES);
    buffer_init(&rows, BUNDLE_ROWS_BYTES_MAX);
    if (world_entities(bundles, world, &arena, &rows, &source, &world->problem) == 0) {
        (void)!world_policies(bundles, world, &arena, &source, &world->problem);
    }
    buffer_free(&rows);
    arena_free(&arena);
}

static bool world_is(const struct world *world, const char *directory, const struct sha256 *bundle,
                     const struct sha256 *entities) {
    return world->directory == directory && sha256_equal(&world->entities, entities) &&
           (directory != NULL || sha256_equal(&world->bundle, bundle));
}

static struct world *find_world(struct replay_bundles *bundles, const char *directory, const struct sha256 *bundle,
                                const struct sha256 *entities) {
    if (bundles->newest != NULL && world_is(bundles->newest, directory, bundle, entities)) return bundles->newest;
    for (size_t i = 0; i < bundles->world_count; i++) {
        if (world_is(&bundles->worlds[i], directory, bundle, entities)) return bundles->newest = &bundles->worlds[i];
    }
    if (bundles->world_count == REPLAY_WORLDS_MAX) {
        for (size_t i = 0; i < bundles->world_count; i++) world_clear(&bundles->worlds[i]);
        bundles->world_count = 0;
    }
    struct world *world = &bundles->worlds[bundles->world_count++];
    *world = (struct world){.directory = directory, .bundle = *bundle, .entities = *entities};
    map_init(&world->sessions);
    world_fill(bundles, world);
    return bundles->newest = world;
}

static struct policy_session *new_session(struct world *world, struct str key, struct str principal, struct str address,
                                          struct error *error) {
    const struct principal *found = identity_find(world->identity, principal);
    if (found == NULL) {
        error_set(error, ERROR_NOT_FOUND, "the recorded entities do not have %.*s", STR_ARGS(principal));
        return NULL;
    }
    if (world->sessions.count == REPLAY_SESSIONS_A_WORLD_MAX) clear_sessions(world);
    struct kept_session *kept = calloc(1, sizeof(*kept) + key.length);
    if (kept == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    memcpy(kept->key, key.data, key.length);
    kept->policy = policy_session_new(world->policies, found, address, error);
    if (kept->policy != NULL && map_set(&world->sessions, str_make(kept->key, key.length), kept) == 0) {
        return kept->policy;
    }
    if (kept->policy != NULL) (void)error_out_of_memory(error);
    policy_session_free(&kept->policy);
    free(kept);
    return NULL;
}

struct policy_session *replay_bundles_session(struct replay_bundles *bundles, const char *directory,
                                              const struct sha256 *bundle, const struct sha256 *entities,
                                              struct str principal, struct str address, struct error *error) {
    struct world *world = find_world(bundles, directory, bundle, entities);
    if (world->policies == NULL) {
        *error = world->problem;
        return NULL;
    }
    char bytes[1024];
    struct buffer key = {.data = bytes, .capacity = sizeof(bytes), .cap_bytes = sizeof(bytes)};
    buffer_append_str(&key, principal);
    buffer_append_byte(&key, 0);
    buffer_append_str(&key, address);
    if (buffer_failed(&key)) {
        error_set(error, ERROR_LIMIT, "the principal's name is too long");
        return NULL;
    }
    const struct kept_session *kept = map_get(&world->sessions, buffer_view(&key));
    return kept != NULL ? kept->policy : new_session(world, buffer_view(&key), principal, address, error);
}

/* ---- Life ---------------------------------------------------------------------------------------------------- */

int replay_bundles_new(struct replay_bundles **out, const char *evidence, const char *sealed, struct str kek,
                       struct error *error) {
    struct replay_bundles *bundles = *out = calloc(1, sizeof(*bundles));
    if (bundles == NULL) return error_out_of_memory(error);
    bundles->sealed = sealed;
    bundles->kek = kek;
    arena_init(&bundles->arena, PIECES_ARENA_BYTES);
    map_init(&bundles->bundles);
    map_init(&bundles->entities);
    return ledger_reader_open(&bundles->reader, evidence, STR_NONE, error);
}

void replay_bundles_free(struct replay_bundles **out) {
    struct replay_bundles *bundles = *out;
    *out = NULL;
    if (bundles == NULL) return;
    for (size_t i = 0; i < bundles->world_count; i++) world_clear(&bundles->worlds[i]);
    map_free(&bundles->bundles);
    map_free(&bundles->entities);
    arena_free(&bundles->arena);
    ledger_reader_free(&bundles->reader);
    free(bundles);
}
