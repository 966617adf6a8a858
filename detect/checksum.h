/* Check digits and rules of issuance of numbers that people are known by. Each takes the bare characters (digits, or
 * letters in any case) and says whether they can be such a number. */
#ifndef SWORN_DETECT_CHECKSUM_H
#define SWORN_DETECT_CHECKSUM_H

#include "base/str.h"

/* Payment cards (ISO/IEC 7812): what the issuer range says of a number of this length whose Luhn digit holds. */
enum card_verdict { CARD_NO, CARD_WITH_CONTEXT, CARD_SURE };
enum card_verdict card_check(struct str digits);

bool luhn_is_valid(struct str digits);
bool iban_is_valid(struct str characters);          /* ISO 13616: country, length, mod 97 */
size_t iban_length(struct str country);             /* of the two letters; 0: not in the registry */
bool us_ssn_is_issuable(struct str digits);         /* 9 digits: no 000, 666, 9xx; no 00; no 0000 */
bool uk_nhs_is_valid(struct str digits);            /* 10 digits, mod 11 */
bool uk_nino_is_valid(struct str characters);       /* 9 characters: prefix rules, suffix A to D */
bool de_tax_id_is_valid(struct str digits);         /* 11 digits, ISO 7064 mod 11,10, repetition rule */
bool fr_nir_is_valid(struct str characters);        /* 15 characters, 2A and 2B for Corsica, key mod 97 */
bool es_dni_is_valid(struct str characters);        /* 8 digits and a letter, or X, Y, Z, 7 digits and a letter */
bool it_fiscal_code_is_valid(struct str characters); /* 16 characters, control letter */
bool mrz_line_is_valid(struct str characters);      /* ICAO 9303 TD3 line 2: 44 characters, four check digits */
bool base58check_is_valid(struct str characters);   /* BTC P2PKH and P2SH: version 0 or 5 and double SHA-256 */
bool bech32_is_valid(struct str characters);        /* BIP 173 and 350, bc1 */
bool eth_address_is_valid(struct str hex);          /* 40 digits; EIP-55 when the case is mixed */

#endif
