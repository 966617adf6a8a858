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
    {CLASS_NONE, "943 176 5918 codes"},
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
    {CLASS_CREDENTIAL, "v " B "gho_C3J27XDCG2LmlZGEONYlgCtjfIZ4SOcMz9CP" E " w"},
    {CLASS_CREDENTIAL, "v " B "ghs_VNPkNa1Hedcm4pMbXDuCL1mHoOsFaQfDPrAJ" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "github_pat_71fTquWoGsbeKXgzg2sye9_b2Rann76dEyTzAeKOmXRrvftva9AW7hipTgadDZFlRJmCGmUXiAPyhzA"
     "nar" E " w"},
    {CLASS_CREDENTIAL, "v " B "gldt-3ZLt4bnlz2MPKgcjnCqa" E " w"},
    {CLASS_CREDENTIAL, "v " B "glrtr-XNv1syeefnLOpaMxxNDi9LE1" E " w"},
    {CLASS_CREDENTIAL, "v " B "xoxp-926224393328-367916011084-3646974821237-2866028de71159b42b4ea410fb9102f2" E " w"},
    {CLASS_CREDENTIAL, "v " B "xoxa-2-452117850255-171607909669-022238daceee2092f073ff80b9465aef" E " w"},
    {CLASS_CREDENTIAL, "v " B "xoxd-5puzQqmOBZZW6m4nyoL6uniiFw152cTe8r0khCEr7n1A%2ByOHFRuT11NCue1cr3McR" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "xapp-1-ARWTBIZ3MBR-3201718513374-50f1578b5c72dc4ee60caea63367c29a80b21ead8f062d15a4f4ef27e"
     "9589c69" E " w"},
    {CLASS_CREDENTIAL, "v " B "rk_live_512j9IHrKFmAIhGaMybIcH6zIZKhFfSke7IDA69Z7z" E " w"},
    {CLASS_CREDENTIAL, "v " B "sk_org_live_rpEFivB50756EHugmANb7qiSXbcmjoaRsuUwpNFg" E " w"},
    {CLASS_CREDENTIAL, "v " B "whsec_FULh2GNqTmSH4BbyOA0HNkIn3OIOnHn2" E " w"},
    {CLASS_CREDENTIAL, "v " B "sk-proj-INL2io6VOZw5luMu57mnXm4gi4piUfqygB18AIYTimzORZbgmKRw609xhTGO" E " w"},
    {CLASS_CREDENTIAL, "v " B "sk-None-WvGR1mZeEgbcWJNG5KEjmlhnl1ks7RgLdi8RDeWguzDBGwBn" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "sk-ant-api03-MxaOSc2mlADxVxz6mMkgGYau5fZ1T436O8zKMmGLvZWqr6hVVXk07zi5v4ISxXBWlznUleZvtEga4"
     "wO5Ndor89QtvnQzKAA" E " w"},
    {CLASS_CREDENTIAL, "v " B "AIzalIeyGFPnShWzKbhNgVpqCzGdWmPyagqqr5v" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "ya29.JIGA9HK2gOCZPeJMQW9cy78kyEk2FINMdB8FAsHzMtxHsEPrJ7sQTVsbaXpLcOkAWRyd5uVzdLU8ueZ5" E " w"},
    {CLASS_CREDENTIAL, "v " B "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" E " w"},
    {CLASS_CREDENTIAL, "v " B "npm_3dwHjhxCiQADMqOLRAxXVH0i8sUipEhG5tYG" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "pypi-AgEIcHlwaS5vcmcN2wrrNRUKSLmOrWpm8pGP6m4RcOdarqBbNcgoIreWf6RkJpOxEEwnvvFVi13eZhCZ0N1XX"
     "nCBVqyZjxjP1MusJWV06lBPxLgD4uf" E " w"},
    {CLASS_CREDENTIAL, "v " B "SK2dfe9029629fa947bab3ae8e9ea7c72b" E " w"},
    {CLASS_CREDENTIAL, "v " B "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" E " w"},
    {CLASS_CREDENTIAL, "v " B "key-d77faecbaa4ff21db0c2e0b03dd475c5" E " w"},
    {CLASS_CREDENTIAL, "v " B "5366844074:AAUhtPjX6l6dWDbLE6ZcugmlwnLpMTEMGoC" E " w"},
    {CLASS_CREDENTIAL, "v " B "MTl5rzl6W7tOJ80JE2qF4z69vQ.JX9fE3.ozdn8iZZyHYHXrYdQ7p5a3E5xCY" E " w"},
    {CLASS_CREDENTIAL, "v " B "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" E " w"},
    {CLASS_CREDENTIAL, "v " B "dop_v1_1df59a9c29e2b243ce3e0cf793e0649c9ac2866c3a98faec23434556c1e23715" E " w"},
    {CLASS_CREDENTIAL, "v " B "hf_hBAXev60B7GiPnXj0SyEv6ANaUzNSuYYpQ" E " w"},
    {CLASS_CREDENTIAL, "v " B "dapi08a6a9e3c6a935897b46606247fdaa2b" E " w"},
    {CLASS_CREDENTIAL, "v " B "hvs.rD4hCUip5KIIJeJ6qk6V50vM" E " w"},
    {CLASS_CREDENTIAL, "v " B "s.jh707aBasR5xpWKx1klMJZeD" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "czlY78QitWQ2V6.atlasv1.yNLOZWbkmADcjHyhKzlvHiqpK7vdPYcUQYjz9FMgEwA5N6SKWAWsF4D152SA0BhKh58" E " w"},
    {CLASS_CREDENTIAL, "v " B "pscale_tkn_HvHHBA5bu6dsUN5BUyMuWYt4L4eph2CpG3zdESgH6pI" E " w"},
    {CLASS_CREDENTIAL, "v " B "lin_api_tQz8p4e6U93Qx3IAKZkoPVAKh5egHYih4IK8Dasp" E " w"},
    {CLASS_CREDENTIAL, "v " B "lin_oauth_90a52eec4b7190ea9af4f66916abf05676139a8d4aed25793685798b37957842" E " w"},
    {CLASS_CREDENTIAL, "v " B "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" E " w"},
    {CLASS_CREDENTIAL, "v " B "PMAK-baf19553d7e878f7f8161e5a-40fde802357419d1a8f25c875fe1adeb61" E " w"},
    {CLASS_CREDENTIAL, "v " B "dp.pt.iFWWMijVDHVcapA4HjfzJtEB7ecRTWUNosqhJ2pADf7" E " w"},
    {CLASS_CREDENTIAL, "v " B "glsa_oxtv87NnckzLPdVvKS634L74lD3z71ny_c16db755" E " w"},
    {CLASS_CREDENTIAL, "v " B "NRAK-4NZN3T425L5N8Y0EDRXRB7LQ6ZN" E " w"},
    {CLASS_CREDENTIAL, "v " B "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" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "ATATT3xFfGF0fZBhzFdFy7vsFTrok7zmEXkwQTpHfVv6BZjELqS2JtS6b5zhx6e6zrdyF2LtEUu4qebcwu5xKtq0Q4"
     "lPEyNv95xbKT8nXeOdNIANAere1D4Cy96ycZiRGrtFxEbjMmroqRopHa7IzapJF2PWJfN0J41SYvqwg4buZTnSzRk9"
     "m0k=KV5SX0SX" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "ATCTT3xFfGN0VQIFpPpxuTl6GVi4ee0g4Tth2CGXREckN3A3EdwqzGVYSzqTOqxTRulv2Wn1K1iKAPTiNV1rZkimyN"
     "QsoPlaELS8Y7irSrAqOQzy7RidkTh3cmswUIZhzv5b1I2EkxetCZ31PsozUNAWjKyRSnIsZ3=J2LG9Q51" E " w"},
    {CLASS_CREDENTIAL, "v " B "ATBBhju4brKKjrOzruofEmxJqJdjea5WtQfa" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "sl.u.lvEiYm3AEcAwZJzJdnJNQ0Nqrm8s3pZCK18Udl2b8kIhRerwbWJteGDa4ne9xaXHqZpY7VFztZI0QXZXg78Ez"
     "1TAq56NbaKjouyUxGQrZxOOCwtre5PuMgqvnVlndViItRnlwgjjxwlB" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "EAAbazGdzgu8I18Wnb4lueWLgLuBE98oFAXT4l0reRy86u4lXwHajUOQy6PdnNNw4C2TOBGK7hh1VSVDBQDA1yGoyM"
     "IKcG6cHOCCsLcMd7ujIDvqVNumVEJzd39iW5Fhol17PY8j1hZgGqqel3cTvqHZw" E " w"},
    {CLASS_CREDENTIAL, "v " B "sq0atp-DnIa3BmFr9PpegJCYWF4pe" E " w"},
    {CLASS_CREDENTIAL, "v " B "access_token$production$5d9ejxlgvcwosh0l$c0ef226a6dc0aa866545e14838bb9602" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "AQESnVTx3tXAmjeOrBx0NArDiGh8gwGTApFLhsh34s82fRPDo7EymVAMoCOexAv-sLCQ9rsQSaRNpaAxiL53qyArvg"
     "042XLgIQgD5nfY=-xbxbULQSw5083bQO" E " w"},
    {CLASS_CREDENTIAL, "v " B "access-sandbox-4f2b5eaf-170c-d731-2ec6-6fb4c32058f3" E " w"},
    {CLASS_CREDENTIAL, "v " B "HRKU-de40bb03-bd33-9327-4299-b77de16e53e4" E " w"},
    {CLASS_CREDENTIAL, "v " B "AKCp825gZ2GjjKHlA" E " w"},
    {CLASS_CREDENTIAL, "v " B "squ_3d0743c590c3f91cd92683daf643c9887b2dfcbd" E " w"},
    {CLASS_CREDENTIAL, "v " B "AGE-SECRET-KEY-14U8RNR2C5EWXHZ5H7WLQH6XQK0HHNDR5TL8KR9DS3MHE9JX9EWS4Z5FFJJ" E " w"},
    {CLASS_CREDENTIAL, "v " B "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" E " w"},
    {CLASS_CREDENTIAL, "v " B "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" E " w"},
    {CLASS_CREDENTIAL, "v " B "sgp_cf35a60b5bcceeb4fca2f78bd1828c76d25decf3" E " w"},
    {CLASS_CREDENTIAL, "v " B "CCIPAT_olWNgRtG2jcSwKkJFvFjC8_b937466b3565bab39837b05899848f280984c542" E " w"},
    {CLASS_CREDENTIAL, "v " B "https://hooks.slack.com/services/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" E " w"},
    {CLASS_CREDENTIAL, "v " B
     "https://discordapp.com/api/webhooks/354520120692881682/fHSwNF7m4TgAiFmfSFbJ85Jfi5tqvoSr8jI"
     "837j2B7YbMFYLRKN5Nu7kfXHk96cght3t" E " w"},
    {CLASS_CREDENTIAL, "HEROKU_API_KEY=" B "0d14520b-26c7-dba7-bc07-81babe7d5646" E ""},
    {CLASS_CREDENTIAL, "vercel_token: " B "qCEoY6vlpRPNqMHKqK4bltoe" E " x"},
    {CLASS_CREDENTIAL, "aws_secret_access_key = " B "MQAeFlkF4Bf1rVTijXr1DRAWKi8bg/eWi2usiAu/" E ""},
    {CLASS_CREDENTIAL, "AccountKey=" B
     "CORrrsOfyErE6VVpIsjxSgpNPxpJ4HlkCcjNxuQnL96S+7eys8d4ZgKufwZBcdC2/i7dxRbvMfRHV8GO"
     "vTs126==" E ";"},
    {CLASS_CREDENTIAL, "&se=2025-01-01&sig=" B "GQ+Du7KvOEZuRKmaS9o/Wa/ZI/7hlO/9hsdJ4gkJgEZ=" E "&x"},
    {CLASS_CREDENTIAL, "SECRET_KEY_BASE=" B
     "1863db12ff49aa66e9478953f9710afc25389c985841ddc08ff7cb105f7734dae85083aa1099e1a3"
     "86f2131f796b7dac2a1b9d6d7f23ddfd8d02651458a811e1" E ""},
    {CLASS_CREDENTIAL, "signing_secret=" B "140fe880d8184e6674084fdb0dd13f1c" E ""},
    {CLASS_CREDENTIAL, "Password is " B "Winter2024!" E ""},
    {CLASS_CREDENTIAL, "my API key is " B "kBg8Em9q45dJearDSNC3iBFKYVpz0Pp7" E ", keep it"},
    {CLASS_CREDENTIAL, "mysql -u root -p" B "S3cretPw9" E " db"},
    {CLASS_CREDENTIAL, "run --password " B "S3cretPw9" E " -h"},
    {CLASS_CREDENTIAL, "--token " B "R3NAcfTKipdKEzbyeVzUDNgn9p2VFL4" E " x"},
    {CLASS_CREDENTIAL, "DB_PASSWORD=" B "kX9$mPq2" E ""},
    {CLASS_CREDENTIAL, "pass: " B "S3cretPw9" E ""},
    {CLASS_CREDENTIAL, "heroku > " B "a3a907dc-6812-8e6b-d6ed-a60d92efecc2" E ""},
    {CLASS_NONE, "password=changeme1-your-own, token: your-token-here-123456, api_key=EXAMPLEKEY1234567890"},
    {CLASS_NONE, "password = os.environ7[\"DB\"], token=getenv2(\"X\")"},
    {CLASS_NONE, "the password is required. The key is under the mat, secret is 12"},
    {CLASS_NONE, "the tokens is 1234567890123456a, bypass: a1b2c3d4e5"},
    {CLASS_NONE, "--password  -h --token abc --port 12345678"},
    {CLASS_NONE, "mysql -u root -p db"},
    {CLASS_NONE, "key: value, pass: 12 of 34, token is NAME1234567890abcdef := x"},
    {CLASS_NONE, "sk-ant-farm, glpat-short, hf_model_name, EAAshort, s.length12, AQEabc"},
    {CLASS_NONE, "MTk4NjIyNDgzNDcxOTI1MjQ4 NOT.A.TOKEN"},
    {CLASS_NONE, "AKCpage12 HRKU-1 xoxd-short glrtr-x ATCTT3 lin_oauth_x"},
    {CLASS_NONE, "v gho_C3J27XDCG2LmlZGEONYlgCtjfIZ4SOcMz9C w"},
    {CLASS_NONE, "v ghs_VNPkNa1Hedcm4pMbXDuCL1mHoOsFaQfDPrA w"},
    {CLASS_NONE, "v AIzalIeyGFPnShWzKbhNgVpqCzGdWmPyagqqr5 w"},
    {CLASS_NONE, "v GOCSPX-oBUEqWpcHg7ZU6Dj90pMThdNADh w"},
    {CLASS_NONE, "v npm_3dwHjhxCiQADMqOLRAxXVH0i8sUipEhG5tY w"},
    {CLASS_NONE, "v SK2dfe9029629fa947bab3ae8e9ea7c72 w"},
    {CLASS_NONE, "v shpat_7d5d5a484814506442b83fe2906d62e w"},
    {CLASS_NONE, "v dop_v1_1df59a9c29e2b243ce3e0cf793e0649c9ac2866c3a98faec23434556c1e2371 w"},
    {CLASS_NONE, "v dapi08a6a9e3c6a935897b46606247fdaa2 w"},
    {CLASS_NONE, "v lin_api_tQz8p4e6U93Qx3IAKZkoPVAKh5egHYih4IK8Das w"},
    {CLASS_NONE, "v glsa_oxtv87NnckzLPdVvKS634L74lD3z71ny_c16db75 w"},
    {CLASS_NONE, "v ATBBhju4brKKjrOzruofEmxJqJdjea5WtQf w"},
    {CLASS_NONE, "v squ_3d0743c590c3f91cd92683daf643c9887b2dfcb w"},
    {CLASS_NONE, "v pplx-e1h91wQ1JThShztS9PJh73ngAuIi18hj3rEAc5B7ymRS7FF w"},
    {CLASS_PHONE, "Call " B "+1 (415) 555-2671" E " please"},
    {CLASS_PHONE, B "415-555-2671" E},
    {CLASS_PHONE, "My number is " B "415 555 2671" E "."},
    {CLASS_PHONE, B "1-800-555-0199" E},
    {CLASS_PHONE, B "+44 (0)20 7946 0958" E},
    {CLASS_PHONE, B "07911 123456" E " mobile"},
    {CLASS_PHONE, B "030 / 901820" E " Telefon"},
    {CLASS_PHONE, B "08-123 456 78" E},
    {CLASS_PHONE, B "070-123 45 67" E},
    {CLASS_PHONE, B "06.12.34.56.78" E},
    {CLASS_PHONE, B "(02) 9876 5432" E},
    {CLASS_PHONE, B "(11) 91234-5678" E},
    {CLASS_PHONE, B "8 (495) 123-45-67" E},
    {CLASS_PHONE, B "090-1234-5678" E},
    {CLASS_PHONE, "mobile: " B "9876543210" E},
    {CLASS_PHONE, B "555-123-4567, ext. 89" E},
    {CLASS_PHONE, B "+1-555-123-4567;ext=89" E},
    {CLASS_PHONE, B "555-123-4567 extension 12" E},
    {CLASS_PHONE, B "00 49 30 901820" E},
    {CLASS_PHONE, "celular " B "13812345678" E},
    {CLASS_NONE, "01.02.2024 10:30 and 12-05-2024 14:00:00"},
    {CLASS_NONE, "2024-03-01T10:20:30.123+02:00 took 1234567 us"},
    {CLASS_NONE, "ISBN 978-3-16-148410-0 or 978 0 306 40615 7"},
    {CLASS_NONE, "lat 40.712776, lon -74.005974"},
    {CLASS_NONE, "1 / 2 and 10 / 250000"},
    {CLASS_NONE, "C-415-555-2671 and 415-555-26711 and 99-415-555"},
    {CLASS_NONE, "10.0.19045.3803 0.123456789"},
    {CLASS_NONE, "(2019) 1234-5678 codes"},
    {CLASS_NONE, "order 415 555 2671"},
    {CLASS_ES_DNI, B "12345678-Z" E " " B "X-1234567-L" E},
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
