/* The formatter: layout, comments, widths of characters, blank lines, and that its output stays as it is. */
#include "cedar/format.h"
#include "tests/unit/tap.h"

#define HEAD "permit (principal, action, resource)"
#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10

static const struct {
    const char *text;
    const char *wanted; /* NULL: refused */
} rows[] = {
    {"", "\n"}, {"// a\n\n// b ", "\n// a\n// b\n"}, {"permit(", NULL},
    {"permit(principal,action,resource);permit(principal,action,resource,);", HEAD ";\n\n" HEAD ";\n"},
    {"@a@b(\"x\")permit(principal,action,resource);// c\n// d", "@a\n@b(\"x\")\n" HEAD "; // c\n// d\n"},
    {"permit(principal is A,action,resource);", "permit (\n  principal is A,\n  action,\n  resource\n);\n"},
    {"permit(principal==?principal,action in[Action::\"a\",],resource)when{1==1}unless{2==2};",
     "permit (\n  principal == ?principal,\n  action in [Action::\"a\"],\n  resource\n)\nwhen { 1 == 1 }\n"
     "unless { 2 == 2 };\n"},
    {"permit(principal,action,resource)when{{a:1,\"b c\":[2,3],}==context.a[\"b\"].c(1)};", NULL},
    {"permit(principal,action,resource)when{{a:1,\"b c\":[2,3],}==context.a[\"b\"].getTag(\"t\")};",
     HEAD "\nwhen { { a: 1, \"b c\": [2, 3] } == context.a[\"b\"].getTag(\"t\") };\n"},
    {"permit(principal,action,resource)when{principal. // why\nname==1};",
     HEAD "\nwhen\n{\n  principal. // why\n    name == 1\n};\n"},
    {"permit(principal,action,resource)when{\"" A50 A10 "\"==1};", HEAD "\nwhen { \"" A50 A10 "\" == 1 };\n"},
    {"permit(principal,action,resource)when{\"" A50 A10 "aaaa\"==1};",
     HEAD "\nwhen\n{ \"" A50 A10 "aaaa\" == 1 };\n"},
    /* Characters that are two columns wide, and marks that have none. */
    {"permit(principal,action,resource)when{\"" A50 "aaaaaaa\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\"==1};",
     HEAD "\nwhen { \"" A50 "aaaaaaa\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\" == 1 };\n"},
    {"permit(principal,action,resource)when{\"" A50 "aaaaaaaa\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\"==1};",
     HEAD "\nwhen\n{ \"" A50 "aaaaaaaa\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\" == 1 };\n"},
    {"permit(principal,action,resource)when{\"" A50 A10 "\xcc\x81\xcc\x81\xcc\x81\"==1};",
     HEAD "\nwhen { \"" A50 A10 "\xcc\x81\xcc\x81\xcc\x81\" == 1 };\n"},
    /* Blank lines go, but not those in a string. */
    {"permit(principal,action,resource)when{\n\n\n\"a\n\n\nb\"==1 ||\n\n2==2\n\n};",
     HEAD "\nwhen { \"a\n\n\nb\" == 1 || 2 == 2 };\n"},
};

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct buffer out, again;
        struct cedar_problem problem = {0};
        buffer_init(&out, 1u << 20);
        buffer_init(&again, 1u << 20);
        int status = cedar_format(str_from_cstr(rows[i].text), &out, &problem);
        if (rows[i].wanted == NULL) {
            ok(status != 0 && problem.line > 0, rows[i].text);
        } else {
            is_str(buffer_view(&out), str_from_cstr(rows[i].wanted), rows[i].text);
            ok(cedar_format(buffer_view(&out), &again, &problem) == 0, "formats again");
            is_str(buffer_view(&again), buffer_view(&out), "and stays as it is");
        }
        buffer_free(&out);
        buffer_free(&again);
    }
    return tap_done();
}
