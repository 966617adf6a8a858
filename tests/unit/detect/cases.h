/* Texts and what is in them: between "{" and "}" of the marked text stands a span of the class. Shared by the table
 * tests and the split tests. */
#ifndef SWORN_TESTS_UNIT_DETECT_CASES_H
#define SWORN_TESTS_UNIT_DETECT_CASES_H

#include "detect/classes.h"

struct detect_case {
    enum data_class class; /* of the spans; CLASS_NONE: nothing may be found */
    const char *marked;    /* U+0001 and U+0002 stand around a span */
};

#define B "\001"
#define E "\002"

static const struct detect_case cases[] = {
    {CLASS_EMAIL, "write to " B "bob@example.com" E " now"},
    {CLASS_EMAIL, "<" B "anna.berg+news@mail.example.co.uk" E ">"},
    {CLASS_EMAIL, "to=" B "a@b.io" E "&x=1"},
    {CLASS_EMAIL, "\"" B "o'brien@example.org" E "\","},
    {CLASS_EMAIL, "mail " B "M\xc3\xbcller@example.de" E "."},
    {CLASS_NONE, "logo@2x.png and lib@1.2.3 and @user and a@b"},
    {CLASS_NONE, "git@github.com:org/repository"},
    {CLASS_CARD_NUMBER, "paid with " B "4111111111111111" E " today"},
    {CLASS_CARD_NUMBER, B "4111 1111 1111 1111" E " 12/27"},
    {CLASS_CARD_NUMBER, "\"" B "5555-5555-5555-4444" E "\""},
    {CLASS_CARD_NUMBER, "amex " B "3782 822463 10005" E},
    {CLASS_CARD_NUMBER, B "378282246310005" E},
    {CLASS_CARD_NUMBER, B "6011111111111117" E ","},
    {CLASS_CARD_NUMBER, "x," B "3530111333300000" E ",y"},
    {CLASS_CARD_NUMBER, "card=" B "2223000048410010" E},
    {CLASS_CARD_NUMBER, B "6200000000000005" E "\n"},
    {CLASS_CARD_NUMBER, "my card 'is " B "30569309025904" E "'"},
    {CLASS_NONE, "4111111111111112"},                       /* Luhn */
    {CLASS_NONE, "order 4111111111111111"},                 /* named otherwise */
    {CLASS_NONE, "at 1700000000000000 us"},                 /* epoch in microseconds */
    {CLASS_NONE, "imei 490154203237518"},                   /* Luhn holds, no issuer of that length */
    {CLASS_NONE, "1111111111111117"},                       /* no issuer */
    {CLASS_NONE, "tracking 9400111899223100001234"},
    {CLASS_NONE, "ean 4006381333931"},
    {CLASS_NONE, "/orders/4111111111111111"},               /* part of a path */
    {CLASS_NONE, "a4111111111111111b"},
    {CLASS_NONE, "20261122130507"},
    {CLASS_PHONE, "call " B "+49 30 901820" E},
    {CLASS_PHONE, B "+1-212-555-0142" E},
    {CLASS_PHONE, B "(212) 555-0142" E " ext"},
    {CLASS_PHONE, B "212-555-0142" E},
    {CLASS_PHONE, B "212.555.0142x77" E},
    {CLASS_PHONE, B "+46 (0)8 928 571 38" E " fax"},
    {CLASS_PHONE, "phone: " B "785 8949" E},
    {CLASS_PHONE, B "0487 23 46 71" E},
    {CLASS_PHONE, B "001-748-088-2851x818" E "-Fax"},
    {CLASS_PHONE, "tel. " B "0301234567" E},
    {CLASS_PHONE, B "2125550142" E " mobile"},
    {CLASS_NONE, "order 2125550142"},
    {CLASS_NONE, "1700000123"},
    {CLASS_NONE, "2024-03-01 10:20:30"},
    {CLASS_NONE, "12/31/2024"},
    {CLASS_NONE, "550e8400-e29b-41d4-a716-446655440000"},
    {CLASS_NONE, "$ 1 234 567"},
    {CLASS_NONE, "1,234,567.89"},
    {CLASS_NONE, "v10.2.345.6789"},
    {CLASS_NONE, "invoice 2024-000-1234"},
    {CLASS_NONE, "ORD-212-555-0142"},
    {CLASS_US_SSN, "ssn " B "219-09-9999" E},
    {CLASS_US_SSN, B "219-09-9999" E},
    {CLASS_US_SSN, "SSN: " B "219099999" E},
    {CLASS_US_SSN, "social security number is " B "219 09 9999" E},
    {CLASS_NONE, "000-12-3456 666-12-3456 912-12-3456"},
    {CLASS_NONE, "219-00-9999 219-09-0000"},
    {CLASS_NONE, "219099999"},
    {CLASS_NONE, "219 09 9999"},
    {CLASS_NONE, "A219-09-9999"},
    {CLASS_NONE, "219-09-99991"},
    {CLASS_IBAN, B "DE89370400440532013000" E},
    {CLASS_IBAN, B "GB82 WEST 1234 5698 7654 32" E " ok"},
    {CLASS_IBAN, B "FR1420041010050500013M02606" E},
    {CLASS_IBAN, "iban=" B "no9386011117947" E},
    {CLASS_NONE, "DE89370400440532013001"},
    {CLASS_NONE, "XX89370400440532013000"},
    {CLASS_IP_ADDRESS, "from " B "203.0.113.77" E " on"},
    {CLASS_IP_ADDRESS, "http://" B "10.20.30.40" E ":80/"},
    {CLASS_IP_ADDRESS, B "2001:db8::8a2e:370:7334" E},
    {CLASS_IP_ADDRESS, "ip " B "::1" E " up"},
    {CLASS_NONE, "version 10.20.30.40"},
    {CLASS_NONE, "1.2.3.4.5 and 300.1.2.3 and 1.2.3"},
    {CLASS_NONE, "std::vector a::b 12:34:56 08:15"},
    {CLASS_MAC_ADDRESS, B "aa:bb:cc:01:02:03" E},
    {CLASS_MAC_ADDRESS, B "AA-BB-CC-01-02-03" E},
    {CLASS_MAC_ADDRESS, B "aabb.cc01.0203" E},
    {CLASS_NONE, "aa:bb:cc:01:02:03:04"},
    {CLASS_DATE_OF_BIRTH, "born on " B "1961-02-07" E},
    {CLASS_UK_NINO, B "AB123456C" E},
    {CLASS_UK_NINO, "ni " B "AB 12 34 56 C" E " x"},
    {CLASS_NONE, "QQ123456C BG123456A AB123456E"},
    {CLASS_UK_NHS, "NHS " B "943 476 5919" E},
    {CLASS_NONE, "943 476 5918 codes"},
    {CLASS_DE_TAX_ID, "steuer-id " B "86095742719" E},
    {CLASS_DE_TAX_ID, B "86 095 742 719" E},
    {CLASS_NONE, "86095742718"},
    {CLASS_FR_NIR, B "1 85 05 78 006 084 91" E},
    {CLASS_FR_NIR, B "185057800608491" E},
    {CLASS_NONE, "185057800608492"},
    {CLASS_ES_DNI, B "12345678Z" E " " B "X1234567L" E},
    {CLASS_NONE, "12345678A X1234567A"},
    {CLASS_IT_FISCAL_CODE, B "RSSMRA85T10A562S" E},
    {CLASS_NONE, "RSSMRA85T10A562T"},
    {CLASS_PASSPORT, B "L898902C36UTO7408122F1204159ZE184226B<<<<<10" E},
    {CLASS_PASSPORT, "passport no. " B "C01X00T47" E},
    {CLASS_CRYPTO_ADDRESS, B "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa" E},
    {CLASS_CRYPTO_ADDRESS, B "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq" E},
    {CLASS_CRYPTO_ADDRESS, B "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" E},
    {CLASS_NONE, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"},
    {CLASS_NONE, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"},
    {CLASS_JWT, "t=" B "eyJhbGciOiJIUzI1NiJ9."
     "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U" E},
    {CLASS_PRIVATE_KEY,
     "x\n" B "-----BEGIN RSA PRIVATE KEY-----\nMIIEpQIBAAKCAQEAn6/O8li+SX4m98LLYt/PKSzEmQ++ZBD7Loh9P13f4yQ92EF3\n"
     "yxR5MsXFu9PRsrYQA7/4UTPHiC4y2sAVCBg4C2yyBpUEtMQjyCESi6Y=\n-----END RSA PRIVATE KEY-----" E "\ny"},
    {CLASS_PRIVATE_KEY, B "-----BEGIN PRIVATE KEY-----\nMIIEpQIBAAKCAQEAn6/O8li+SX4m98LLYt/PKSzEmQ++ZBD7Loh9P13f" E},
    {CLASS_NONE, "-----BEGIN PUBLIC KEY-----\nAAAAB3NzaC1yc2EAAAADAQABAAAAgQC7\n-----END PUBLIC KEY-----"},
    {CLASS_NONE, "-----BEGIN PRIVATE KEY-----\nanything\n-----END PRIVATE KEY-----"},
    {CLASS_URL_PASSWORD, "postgres://app:" B "p,ss;w0rd" E "@db:5432/x"},
    {CLASS_NONE, "http://host:80/a@b http://$USER:$PASS@h/ http://u@h/"},
    {CLASS_CREDENTIAL, "key " B "AKIAQYLPMN5HHHFPZAM2" E "."},
    {CLASS_CREDENTIAL, "x\\n" B "ghp_MCY8tTVIF0mXGlJUAi0JXh1IiZhPFZONxkND" E "\\r"},
    {CLASS_CREDENTIAL, B "glpat-_u9lobGrWGzRDtegfFm4" E},
    {CLASS_CREDENTIAL, B "xoxb-8413100922-PjBbuJ962unXyqK5uPmXyZvA" E},
    {CLASS_CREDENTIAL, B "sk_live_sMOcborDN4xQ2w9Lr" E},
    {CLASS_CREDENTIAL, "Authorization: Basic " B "YXBpOmtleS1hN2MzNDJ3MzNhNQ==" E},
    {CLASS_CREDENTIAL, "password = " B "hunter2xyz" E},
    {CLASS_CREDENTIAL, "\"api_key\": \"" B "Zk3v9Qp0Lx7Rt5Wn2Yb8" E "\""},
    {CLASS_CREDENTIAL, "heroku_token=" B "053eb534-8f75-ff2f-1e2b-e1d5f6909f05" E},
    {CLASS_NONE, "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx AKIAIOSFODNN7EXAMPLE"},
    {CLASS_NONE, "password: required, token: ${TOKEN}, secret = None, key_length = XSalsa20.key_length"},
    {CLASS_NONE, "public_key = \"9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit\""},
    {CLASS_NONE, ""},
    {CLASS_NONE, "\xff\xfe\x80 plain \xe4\xb8\xad\xe6\x96\x87 text"},
};

#undef B
#undef E

#define CASE_SPANS_MAX 8
#define CASE_BYTES_MAX 512

/* A case's text without its marks, and where they stood. */
struct case_text {
    char bytes[CASE_BYTES_MAX];
    size_t length;
    size_t starts[CASE_SPANS_MAX], ends[CASE_SPANS_MAX];
    size_t span_count;
};

static inline struct str case_read(const struct detect_case *row, struct case_text *text) {
    text->length = text->span_count = 0;
    for (const char *c = row->marked; *c != '\0'; c++) {
        if (*c == '\001') text->starts[text->span_count] = text->length;
        else if (*c == '\002') text->ends[text->span_count++] = text->length;
        else text->bytes[text->length++] = *c;
    }
    return str_make(text->bytes, text->length);
}

#endif
