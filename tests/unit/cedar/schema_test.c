/* Schemas: what is accepted, what is refused and why, in both forms; verdicts as the official implementation gives
 * them. Whatever is accepted is written in both forms and read again. */
#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define OUT_BYTES_MAX ((size_t)1 << 20)

struct schema_row {
    const char *text;
    const char *code;
};

static const struct schema_row text_rows[] = {
    {"@a(\"x\") namespace N { @doc type T = {a: String, b?: Long, \"c d\": Set<Bool>, e: ipaddr, f: __ced"
     "ar::decimal, g: N::T2, h: {}}; type T2 = U; entity U, V in [W] {x: T} tags Set<String>; entity W = "
     "{}; entity E enum [\"a\",\"b\"]; @x action a, \"b c\" in [g, \"h\", Action::\"i\", N::Action::\"j\""
     "] appliesTo {principal: U, resource: [V,W], context: T}; action g; action \"h\"; action i; action j"
     " appliesTo {principal:[U], resource:[U]}; }", "ok"},
    {"entity String; entity A {x: String};", "ok"},
    {"entity Bool; entity A {x: Bool};", "ok"},
    {"type String = Long;", "reserved"},
    {"type ipaddr = Long; entity A {x: ipaddr};", "ok"},
    {"type Boolean = Long;", "reserved"},
    {"type Entity = Long;", "reserved"},
    {"type Record = Long;", "reserved"},
    {"type Set = Long;", "reserved"},
    {"type Extension=Long;", "reserved"},
    {"type EntityOrCommon=Long;", "ok"},
    {"entity Set;", "ok"},
    {"entity Record; entity X {a: Record};", "ok"},
    {"entity Extension; entity Entity;", "ok"},
    {"entity Boolean; entity A {x: Boolean};", "ok"},
    {"entity A {x: Boolean};", "undefined"},
    {"entity A {x: Action}; action a;", "ok"},
    {"entity A {x: Action::Foo};", "undefined"},
    {"entity A; entity A;", "duplicate"},
    {"entity A; type A = Long;", "ok"},
    {"entity A {x: A}; type A = Long;", "ok"},
    {"entity A; namespace N { entity A; }", "shadowed"},
    {"type A=Long; namespace N { entity A; }", "shadowed"},
    {"action a; namespace N { action a; }", "shadowed"},
    {"entity A; namespace N {entity B {x:A};}", "ok"},
    {"type A = B; type B = A;", "cycle"},
    {"type A = {x?: A};", "cycle"},
    {"type A = Set<A>;", "cycle"},
    {"action a in [b]; action b in [a];", "cycle"},
    {"action a in [a];", "cycle"},
    {"entity A in [A];", "ok"},
    {"entity A in [B]; entity B in [A];", "ok"},
    {"entity A in [B];", "undefined"},
    {"entity A {x: B};", "undefined"},
    {"action a appliesTo {principal: B, resource: B};", "undefined"},
    {"action a in [b];", "undefined"},
    {"entity Action;", "reserved"},
    {"namespace N {entity Action;}", "reserved"},
    {"type Action = Long;", "ok"},
    {"entity A = {x:Long, x: Long};", "ok"},
    {"entity A = {x:Long,};", "ok"},
    {"entity A {x:Long}; entity B = {}; entity C {};", "ok"},
    {"action a appliesTo {principal: [], resource: []}; ", "syntax"},
    {"action a appliesTo {context: {}};", "syntax"},
    {"entity A; action a appliesTo {principal: A};", "syntax"},
    {"entity A; action a appliesTo {principal: A, resource: A, principal: A};", "duplicate"},
    {"entity A; action a appliesTo {resource: A,principal: A,};", "ok"},
    {"entity A; action a appliesTo {principal: A, resource: A, context: A};", "undefined"},
    {"type C = Long; entity A; action a appliesTo {principal: A, resource: A, context: C};", "bad_type"},
    {"type C = {}; entity A; action a appliesTo {principal: A, resource: A, context: C};", "ok"},
    {"entity A = Long;", "syntax"},
    {"type C={}; entity A = C;", "syntax"},
    {"type C={}; entity A C;", "syntax"},
    {"entity A tags Long;", "ok"},
    {"entity A in B;", "undefined"},
    {"entity A in [];", "ok"},
    {"entity A in [A,];", "syntax"},
    {"namespace N {} namespace N {}", "duplicate"},
    {"namespace N {} namespace M {} entity A;", "ok"},
    {"namespace __cedar {}", "reserved"},
    {"namespace A::__cedar {}", "reserved"},
    {"entity __cedar;", "reserved"},
    {"type __cedar = Long;", "reserved"},
    {"namespace if {}", "reserved"},
    {"namespace A { entity in; }", "reserved"},
    {"entity if;", "reserved"},
    {"entity A {if: Long};", "reserved"},
    {"entity A {\"if\": Long, __cedar: Long};", "ok"},
    {"entity E enum [];", "syntax"},
    {"entity E enum [\"a\",\"a\"];", "ok"},
    {"entity E enum [\"a\",];", "syntax"},
    {"entity E enum [\"a\"]; entity F in E;", "ok"},
    {"entity E enum [\"a\"] in F;", "syntax"},
    {"entity A,A;", "duplicate"},
    {"action a,a;", "duplicate"},
    {"action a; action \"a\";", "duplicate"},
    {"@a @a entity A;", "duplicate"},
    {"@a(\"x\") @b type A = Long;", "ok"},
    {"entity A { @x y: Long };", "ok"},
    {"@if entity A;", "ok"},
    {"entity A {x: __cedar::String, y: __cedar::Foo};", "undefined"},
    {"entity A {x: __cedar::String};", "ok"},
    {"namespace N {entity String; entity A {x: String, y: __cedar::String};}", "ok"},
    {"action a in Action::\"b\"; action b;", "ok"},
    {"action a in [Foo::\"b\"];", "undefined"},
    {"namespace N { action a in [b]; } action b;", "ok"},
    {"namespace N { action a in [Action::\"b\"]; } action b;", "ok"},
    {"entity A {x: Set};", "undefined"},
    {"entity A {x: Set<>};", "syntax"},
    {"entity A {x: Set<Long>,};", "ok"},
    {"entity Set {}; entity B {x: Set, y:Set<Set>};", "ok"},
    {"action a attributes {};", "ok"},
    {"action a appliesTo {principal:A, resource:A} attributes {}; entity A;", "ok"},
    {"type T = Set<String>; action a appliesTo { principal: T, resource: T};", "undefined"},
    {"namespace N { entity A {x: M::B}; } namespace M { entity B; }", "ok"},
    {"namespace A::B { entity C; } namespace A { entity D {x: B::C}; }", "undefined"},
    {"namespace A::B { entity C; } namespace A { entity D {x: A::B::C}; }", "ok"},
    {"entity A { x: Long };;", "syntax"},
    {"", "ok"},
    {"// c", "ok"},
    {"entity A { \"a\\u{1f600}\\n\": Long };", "ok"},
    {"action \"\\0\";", "ok"},
    {"entity type;", "ok"},
    {"entity entity; entity namespace, principal, context;", "ok"},
    {"type type = Long; type tags = {}; entity A tags tags; entity in2 in A;", "ok"},
    {"entity A { x: {y: Set<{z?: B}>} }; entity B;", "ok"},
    {"namespace N { type decimal = Long; entity X {a: decimal}; }", "ok"},
    {"type ipaddr=Long; namespace N { entity X {a: ipaddr}; }", "ok"},
    {"entity A; action a appliesTo {principal: A, resource: A, context: {}}; action b appliesTo {context:"
     " {}, principal: A, resource: A, context: {}};", "duplicate"},
    {"entity ipaddr; entity X {a: ipaddr};", "ok"},
    {"type Long2 = Long; entity X = {a: Long2} tags Long2;", "ok"},
    {"entity A enum [\"a\"] tags Long;", "syntax"},
    {"namespace N{type T = Long;} entity A {x: N::T};", "ok"},
    {"action a in [];", "syntax"},
    {"action a appliesTo {};", "syntax"},
    {"entity A; action a appliesTo {principal: A, resource: A} ;", "ok"},
    {"entity A {x:Long, x:String} ;", "ok"},
    {"entity A; action a in [] appliesTo {principal: [A,A], resource: A};", "syntax"},
    {"entity A; action a appliesTo {principal: [A,], resource: A};", "syntax"},
    {"@a type T = Long; @b namespace N {@c action x;}", "ok"},
    {"type T = Set<Set<Long>>;", "ok"},
    {"entity A {x : A::A};", "undefined"},
    {"entity A = {} tags {};", "ok"},
    {"entity A tags {} = {};", "bad_operator"},
    {"entity A tags Long in A;", "syntax"},
    {"entity A {}", "syntax"},
    {"entity A in A in A;", "syntax"},
    {"namespace N { namespace M {} }", "syntax"},
    {"namespace A::B::C {entity D;}", "ok"},
    {"namespace A :: B {entity D;}", "ok"},
    {"entity A::B;", "syntax"},
    {"entity \"A\";", "syntax"},
    {"action A::B;", "syntax"},
    {"action 1;", "syntax"},
    {"entity A {1:Long};", "syntax"},
    {"type T = \"x\";", "syntax"},
    {"type A=Long, B=Long;", "syntax"},
    {"entity A {x?:Long,y ? : Long};", "ok"},
    {"entity A {\"a\":Long \"b\":Long};", "syntax"},
    {"@a() entity A;", "syntax"},
    {"@a(\"\\x41\") entity A;", "ok"},
    {"@a(\"\\*\") entity A;", "bad_string"},
    {"entity A {\"\\*\":Long};", "bad_string"},
    {"action \"a\\*\";", "bad_string"},
    {"@a(\"x\");", "syntax"},
    {"entity A @b;", "syntax"},
    {"action if;", "reserved"},
    {"action in;", "reserved"},
    {"action \"if\";", "ok"},
    {"action a in if;", "reserved"},
    {"action __cedar;", "ok"},
    {"action a in __cedar::Action::\"b\";", "undefined"},
    {"entity a1_, _b;", "ok"},
    {"entity é;", "bad_token"},
    {"entity A {x: __cedar};", "undefined"},
    {"entity A {x: N::__cedar::A};", "undefined"},
    {"entity A { /* */ };", "bad_operator"},
    {"action a appliesTo {principal: A, resource: A, context: {x: Long}}; entity A;", "ok"},
    {"action a appliesTo {principal: A, resource: A, context: T}; entity A;type T=U;type U={};", "ok"},
    {"action a appliesTo {principal: A, resource: A, context: N::T}; entity A;namespace N {type T={};}", "ok"},
    {"action a appliesTo {principal: A, resource: A, context: T,}; entity A;namespace N {type T={};}", "undefined"},
    {"action a appliesTo {principal: A, resource: A, context: Set<T>}; entity A;", "syntax"},
    {"action a attributes {x: 1};", "syntax"},
    {"action a attributes {x: \"1\", y: {}, z: [1,true]};", "syntax"},
    {"action a attributes x;", "syntax"},
    {"action a, b in [c] appliesTo {principal: A, resource: A}; action c; entity A;", "ok"},
    {"action Action;", "ok"},
    {"action a in Action;", "undefined"},
    {"entity A, B enum [\"x\"];", "ok"},
    {"@a @b entity A, B;", "ok"},
    {"namespace N {entity A;} @b namespace N2 {} @c namespace {}", "syntax"},
    {"type T = {a?: Long, \"a b\"?: Long};", "ok"},
    {"type T = N;", "undefined"},
    {"entity X {y: Entity};", "undefined"},
};

static const struct schema_row json_rows[] = {
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Str"
     "ing\"}},\"additionalAttributes\":true}}},\"actions\":{}}}", "unsupported"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{},\"additionalAttribu"
     "tes\":false}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"attributes\":{\"x\":1}}}}}", "unsupported"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"attributes\":{}}}}}", "unsupported"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"attributes\":null}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":null,\"memberOf\":null}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"]}}}}"
     "}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"r"
     "esourceTypes\":[]}}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"r"
     "esourceTypes\":[\"A\"],\"foo\":1}}}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"foo\":1}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":null}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":null}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\"}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Foo\"}}},\"actions\":{}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Foo\"}}},\"actions\":{},\"commonTypes\":{\"Foo"
     "\":{\"type\":\"Record\",\"attributes\":{}}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Foo\"}}},\"actions\":{},\"commonTypes\":{\"Foo"
     "\":{\"type\":\"Long\"}}}}", "bad_type"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Long\"}}},\"actions\":{}}}", "bad_type"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"A\""
     "}}}}},\"actions\":{}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ent"
     "ity\",\"name\":\"A\"}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ent"
     "ity\",\"name\":\"Foo\"}}}}},\"actions\":{},\"commonTypes\":{\"Foo\":{\"type\":\"Long\"}}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Boo"
     "l\"}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Boo"
     "lean\"}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"ipa"
     "ddr\"}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ext"
     "ension\",\"name\":\"ipaddr\"}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ext"
     "ension\",\"name\":\"foo\"}}}}},\"actions\":{}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"__c"
     "edar::Long\"}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ent"
     "ityOrCommon\",\"name\":\"Boolean\"}}}}},\"actions\":{}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Set"
     "\"}}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Lon"
     "g\",\"element\":{\"type\":\"Long\"}}}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Lon"
     "g\",\"foo\":{\"type\":\"Long\"}}}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Set"
     "\",\"element\":{\"type\":\"Long\",\"required\":false}}}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{},\"commonTypes\":{\"x\":{\"type\":\"Long\",\"requir"
     "ed\":true}}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"String\"}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"enum\":[\"a\"]}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"enum\":[]}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"enum\":[\"a\",\"a\"]}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"enum\":[\"a\"],\"memberOfTypes\":[]}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"enum\":[\"a\"],\"annotations\":{\"a\":\"b\"}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"annotations\":{\"a\":null}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"annotations\":{\"a b\":\"x\"}}},\"actions\":{}}}", "bad_name"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Lon"
     "g\",\"annotations\":{\"a\":\"b\"}}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{},\"annotations\":{\""
     "a\":\"b\"}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Set"
     "\",\"element\":{\"type\":\"Long\",\"annotations\":{\"a\":\"b\"}}}}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\"}]},\"b\":{}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":\"Action\"}]},\""
     "b\":{}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":\"Foo\"}]},\"b\""
     ":{}}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":[{\"type\":\"Action\"}]},\"b\":{}}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"x\":1}]},\"b\":{}}}}", "bad_json"},
    {"{}", "ok"},
    {"{\"\":{}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{}}}", "bad_json"},
    {"{\"\":{\"actions\":{}}}", "bad_json"},
    {"{\"A B\":{\"entityTypes\":{},\"actions\":{}}}", "bad_name"},
    {"{\"__cedar\":{\"entityTypes\":{},\"actions\":{}}}", "reserved"},
    {"{\"N::__cedar\":{\"entityTypes\":{},\"actions\":{}}}", "reserved"},
    {"{\"if\":{\"entityTypes\":{},\"actions\":{}}}", "reserved"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{},\"foo\":1}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A::B\":{}},\"actions\":{}}}", "bad_name"},
    {"{\"\":{\"entityTypes\":{\"if\":{}},\"actions\":{}}}", "reserved"},
    {"{\"\":{\"entityTypes\":{\"__cedar\":{}},\"actions\":{}}}", "reserved"},
    {"{\"\":{\"entityTypes\":{\"\":{}},\"actions\":{}}}", "bad_name"},
    {"{\"\":{\"entityTypes\":{\" A\":{}},\"actions\":{}}}", "bad_name"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"String\":{\"type\":\"Long\"}}}}", "reserved"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"EntityOrCommon\":{\"type\":\"Long\"}}}}"
     "", "ok"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"N::T\":{\"type\":\"Long\"}}}}", "bad_name"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\" A "
     "\"}}}}},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"Long\"}}}}", "bad_name"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"N :"
     ": A\"}}}}},\"actions\":{}}}", "bad_name"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":[\"A\",\"A\"]}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":[\"N\"]}},\"actions\":{}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{}}}}},\"action"
     "s\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ent"
     "ity\"}}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ent"
     "ity\",\"name\":\"__cedar::String\"}}}}},\"actions\":{}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"r"
     "esourceTypes\":[\"A\"],\"context\":{\"type\":\"Record\",\"attributes\":{},\"additionalAttributes\":"
     "true}}}}}}", "unsupported"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"r"
     "esourceTypes\":[\"A\"],\"context\":{\"type\":\"EntityOrCommon\",\"name\":\"T\"}}}},\"commonTypes\":"
     "{\"T\":{\"type\":\"Record\",\"attributes\":{}}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"r"
     "esourceTypes\":[\"A\"],\"context\":{\"type\":\"T\"}}}},\"commonTypes\":{\"T\":{\"type\":\"Record\","
     "\"attributes\":{}}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"T\"],\"r"
     "esourceTypes\":[\"A\"]}}},\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{}}}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"r"
     "esourceTypes\":[\"A\"],\"context\":null}}}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":null}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{},\"annotations\":null}}", "bad_json"},
    {"{\"N\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{}},\"annotations\":{\"x\":\"y\"}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{}},\"annotations\":{\"x\":\"y\"}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Rec"
     "ord\",\"attributes\":{},\"required\":false}}}}},\"actions\":{}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Rec"
     "ord\"}}}}},\"actions\":{}}}", "bad_json"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"EntityOrCommon\",\"name\":\"T\"}}},\"actions\""
     ":{},\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{}}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"resourceTypes\":[\"A\"],\"pr"
     "incipalTypes\":[\"A\",\"A\"]}}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"resourceTypes\":[\"A\"],\"pr"
     "incipalTypes\":[\"Action\"]}}}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":[\"Action\"]}},\"actions\":{\"a\":{}}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":\"A\"}]}"
     "}}}", "undefined"},
    {"{\"\":{\"entityTypes\":{\"Action\":{}},\"actions\":{}}}", "reserved"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ent"
     "ity\",\"name\":\"Action\"}}}}},\"actions\":{\"a\":{}}}}", "ok"},
    {"{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Ent"
     "ity\",\"name\":\"Action\"}}}}},\"actions\":{}}}", "undefined"},
    {"[]", "bad_json"},
    {"{\"\":{\"entityTypes\":{},\"actions\":{}},\"\":{\"entityTypes\":{},\"actions\":{}}}", "duplicate"},
};

/* Written as JSON and read again, a schema is written the same. */
static bool survives(const struct cedar_schema *schema) {
    struct cedar_problem problem;
    struct buffer first, second;
    buffer_init(&first, OUT_BYTES_MAX);
    buffer_init(&second, OUT_BYTES_MAX);
    bool is_same = cedar_schema_write(schema, CEDAR_SCHEMA_JSON, &first, &problem) == 0 &&
                   cedar_schema_translate(buffer_view(&first), CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_JSON, &second,
                                          &problem) == 0 &&
                   str_equal(buffer_view(&first), buffer_view(&second));
    buffer_free(&first);
    buffer_free(&second);
    return is_same;
}

static void test_rows(const struct schema_row *rows, size_t count, enum cedar_schema_format format) {
    for (size_t i = 0; i < count; i++) {
        struct cedar_problem problem = {0};
        struct str text = str_from_cstr(rows[i].text);
        struct cedar_schema *schema = cedar_schema_new(text, format, &problem);
        is_str(str_from_cstr(cedar_code_name(problem.code)), str_from_cstr(rows[i].code), rows[i].text);
        ok(problem.span.end <= text.length, "the span lies in the text");
        if (schema != NULL) ok(survives(schema), "it is written and read again");
        cedar_schema_free(&schema);
    }
}

static void test_text(void) {
    static const char source[] =
        "@doc(\"d\")\nnamespace N { type T = {a?: Set<ipaddr>, \"b c\": E}; entity E enum [\"x\"];"
        " entity U in [U] = {t: T} tags Long; action r; action w in [r] appliesTo {principal: U,"
        " resource: [U, E], context: T}; }";
    static const char wanted[] =
        "@doc(\"d\")\nnamespace N {\n  type T = {\n    a?: Set<ipaddr>,\n    \"b c\": E,\n  };\n"
        "  entity E enum [\"x\"];\n"
        "  entity U in [U] = {\n    t: T,\n  } tags Long;\n  action \"r\";\n  action \"w\" in [\"r\"] appliesTo {\n"
        "    principal: [U],\n    resource: [U, E],\n    context: T,\n  };\n}\n";
    struct cedar_problem problem;
    struct buffer out;
    buffer_init(&out, OUT_BYTES_MAX);
    ok(cedar_schema_translate(str_from_cstr(source), CEDAR_SCHEMA_TEXT, CEDAR_SCHEMA_TEXT, &out, &problem) == 0,
       "written");
    is_str(buffer_view(&out), str_from_cstr(wanted), "as text");
    buffer_clear(&out);
    struct str shape = STR("{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"T\"}}},\"actions\":{},\"commonTypes\":"
                           "{\"T\":{\"type\":\"Record\",\"attributes\":{}}}}}");
    ok(cedar_schema_translate(shape, CEDAR_SCHEMA_JSON, CEDAR_SCHEMA_TEXT, &out, &problem) != 0, "a named shape");
    is_integer(problem.code, CEDAR_UNSUPPORTED, "cannot be said in text");
    buffer_free(&out);
}

/* Texts that grow past a limit are refused, never followed. */
static void test_limits(void) {
    struct cedar_problem problem;
    struct buffer text;
    buffer_init(&text, (size_t)4 << 20);
    buffer_append_cstr(&text, "type T = ");
    for (int i = 0; i < 100000; i++) buffer_append_cstr(&text, "Set<");
    ok(cedar_schema_new(buffer_view(&text), CEDAR_SCHEMA_TEXT, &problem) == NULL, "100,000 sets in one another");
    is_integer(problem.code, CEDAR_LIMIT, "a limit");
    buffer_clear(&text);
    for (int i = 0; i < 40; i++) buffer_append_format(&text, "type T%d = {a: T%d, b: T%d};\n", i, i + 1, i + 1);
    buffer_append_cstr(&text, "type T40 = Long;");
    ok(cedar_schema_new(buffer_view(&text), CEDAR_SCHEMA_TEXT, &problem) == NULL, "2^40 parts behind 40 names");
    is_integer(problem.code, CEDAR_LIMIT, "a limit");
    buffer_clear(&text);
    for (int i = 0; i < 9000; i++) buffer_append_format(&text, "action a%d%s;\n", i, i > 0 ? " in [a0]" : "");
    ok(cedar_schema_new(buffer_view(&text), CEDAR_SCHEMA_TEXT, &problem) == NULL, "9,000 actions");
    is_integer(problem.code, CEDAR_LIMIT, "a limit");
    buffer_free(&text);
}

int main(void) {
    test_rows(text_rows, LENGTH_OF(text_rows), CEDAR_SCHEMA_TEXT);
    test_rows(json_rows, LENGTH_OF(json_rows), CEDAR_SCHEMA_JSON);
    test_text();
    test_limits();
    return tap_done();
}
