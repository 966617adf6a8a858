/* Inclusion and consistency proofs (RFC 6962 sections 2.1.1 and 2.1.2), made from a folder's tiles and checked without. */
#ifndef SWORN_LEDGER_PROOF_H
#define SWORN_LEDGER_PROOF_H

#include "ledger/merkle.h"

struct merkle_proof {
    uint32_t count;
    struct sha256 hashes[MERKLE_PROOF_MAX];
};

/* folder_fd: the evidence folder. size: of the tree that the proof is for; the folder must hold the tiles of that size
 * (it does for its checkpoint). */
int proof_of_inclusion(int folder_fd, uint64_t index, uint64_t size, struct merkle_proof *proof, struct error *error)
    MUST_USE;
int proof_of_consistency(int folder_fd, uint64_t old_size, uint64_t size, struct merkle_proof *proof,
                         struct error *error) MUST_USE;
/* 0: the proof holds. */
int proof_check_inclusion(const struct merkle_proof *proof, uint64_t index, uint64_t size, const struct sha256 *leaf,
                          const struct sha256 *root) MUST_USE;
int proof_check_consistency(const struct merkle_proof *proof, uint64_t old_size, uint64_t size,
                            const struct sha256 *old_root, const struct sha256 *root) MUST_USE;

#endif
