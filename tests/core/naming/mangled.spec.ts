// SPDX-License-Identifier: Apache-2.0
//
// Names of functions: what a linkage name reveals, and how a declaration is shortened. The C tests (symbol_test.c) cover the complete path.

import { ANSWER_MAX, MANGLED_API, MANGLED_OWN, MANGLED_TRAMPOLINE, MANGLED_WRAPPER, QUESTION_MAX } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { mangledKind, shortenName } from "../../../assembly/naming/mangled";
import { answered, freshControl, put, Random, seed } from "../support";

function kind(name: string): u32 {
  return mangledKind(put(name));
}

/** Shortens a declaration; also takes the linkage name from which it was made. */
function short(declaration: string, name: string = "_Zx", most: u32 = 255): string {
  const whole = <u32>String.UTF8.byteLength(declaration);
  const length = put(declaration + name);
  return answered(shortenName(whole, length - whole, most));
}

describe("a linkage name", () => {
  test("of the C++ library, or of an operator new or delete, is a wrapper", () => {
    freshControl();
    const wrappers = [
      "_ZNSt6vectorIiSaIiEE9push_backEOi",
      "_ZNKSt6vectorIiSaIiEE12_M_check_lenEmPKc",
      "_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_",
      "_ZNSs6appendEPKc",
      "_ZN9__gnu_cxx13new_allocatorIiE8allocateEmPKv",
      "_ZZNSt6vectorIiSaIiEE1aEvENKUlvE_clEv",
      "_Znwm",
      "_ZnamSt11align_val_t",
      "_ZdaPv",
      "_ZdlPvm",
      "_ZN3FoonwEm",
      "_ZN3FoonaEj",
      "_ZN3FoodlEPv",
      "_ZL13ats_stringdupRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
      "_ZN14ats_scoped_straSESt17basic_string_viewIcSt11char_traitsIcEE",
    ];
    for (let i = 0; i < wrappers.length; ++i) expect(kind(wrappers[i])).toBe(MANGLED_WRAPPER, wrappers[i]);
  });

  test("of a function that calls a callback is a trampoline", () => {
    freshControl();
    expect(kind("_ZNSt17_Function_handlerIFvvEZ3runiEUlvE_E9_M_invokeERKSt9_Any_data")).toBe(MANGLED_TRAMPOLINE);
    expect(kind("_ZNSt6thread11_State_implIiE6_M_runEv")).toBe(MANGLED_TRAMPOLINE);
    expect(kind("_ZSt8__invokeIRiJEEvOT_DpOT0_")).toBe(MANGLED_TRAMPOLINE);
  });

  test("of an inline function of the plugin API is one of the API", () => {
    freshControl();
    const functions = ["_Z8TSmallocm", "_Z9TSreallocPvm", "_Z8TSstrdupPKc", "_Z9TSstrndupPKcl", "_Z8TSRallocIlEPT_m"];
    for (let i = 0; i < functions.length; ++i) expect(kind(functions[i])).toBe(MANGLED_API, functions[i]);
    const others = [
      "TSmalloc",
      "_TSmalloc",
      "_Z9_TSmallocmPKc",
      "_ZN3Foo8TSmallocEm",
      "_Z9TSmallocsm",
      "_Z8TSRallocm",
      "_Z7xmallocm",
    ];
    for (let i = 0; i < others.length; ++i) expect(kind(others[i])).toBe(MANGLED_OWN, others[i]);
  });

  test("of any other function is neither", () => {
    freshControl();
    const own = [
      "",
      "_",
      "_Z",
      "_ZN",
      "_ZZZ",
      "_ZS",
      "_ZNS",
      "_ZNSx",
      "handler",
      "malloc",
      "_Zfoo",
      "_Z3nwEm",
      "nwEm",
      "_ZN9__gnu_cx",
      "_Z4takeR14ats_scoped_str",
    ];
    for (let i = 0; i < own.length; ++i) expect(kind(own[i])).toBe(MANGLED_OWN, own[i]);
  });
});

describe("a declaration", () => {
  test("is shortened to the name", () => {
    freshControl();
    expect(short("void ns::Cache<std::string, int>::put<int>(int)::{lambda(int)#1}::operator()(int) const")).toBe(
      "ns::Cache<std::string, int>::put<int>::{lambda#1}::operator()",
    );
    expect(short("void foo<int>(int)")).toBe("foo<int>");
    expect(short("(anonymous namespace)::Bar::operator()(int const&) const")).toBe("Bar::operator()");
    expect(short("ns::Cache<std::basic_string<char>, int>::put(int)")).toBe("ns::Cache<...>::put");
    expect(short("Foo::operator<(Foo const&)")).toBe("Foo::operator<");
    expect(short("Foo::operator<<(int const&)")).toBe("Foo::operator<<");
    expect(short("bool operator< <int>(int)")).toBe("operator<<int>");
    expect(short("Foo::operator[](unsigned long)")).toBe("Foo::operator[]");
    expect(short("A::operator->()")).toBe("A::operator->");
    expect(short("Foo::operator bool()")).toBe("Foo::operator bool");
    expect(short("operator new[](unsigned long)")).toBe("operator new[]");
    expect(short("Foo::operator std::vector<int, std::allocator<int> >()")).toBe("Foo::operator std::vector<...>");
    expect(short("my_operator(int)")).toBe("my_operator");
    expect(short("operators(int)")).toBe("operators");
    expect(short("foo[abi:cxx11]()")).toBe("foo");
    expect(short("A::b() const &")).toBe("A::b");
    expect(short("A::b() const volatile restrict noexcept")).toBe("A::b");
    expect(short("int constant(int)")).toBe("constant");
    expect(short("{unnamed type#1}::f()")).toBe("{unnamed type#1}::f");
  });

  test("has the compiler's suffix for a part of a function at its end", () => {
    freshControl();
    expect(short("handler(tsapi*)", "_ZL7handlerP6tsapi7.cold")).toBe("handler.cold");
    expect(short("f()", "_Z1fv.part.0.\n")).toBe("f.part.0.?");
  });

  test("that shortens to nothing is replaced by the linkage name", () => {
    freshControl();
    expect(short("(", "_Zx.y")).toBe(".y");
    expect(short("(", "_Zx")).toBe("_Zx");
    expect(short("int ", "_Zx")).toBe("_Zx");
  });

  test("with unmatched brackets loses only its end", () => {
    freshControl();
    expect(short("a<b(c")).toBe("a<b(c");
    expect(short("a<" + "b(c".repeat(20))).toBe("a<...>");
    expect(short("a>)]}b")).toBe("a>)]}b");
    expect(short("a(->)b")).toBe("ab");
    expect(short("a{b(c")).toBe("a{b");
  });
});

describe("a name that is not mangled", () => {
  test("is shortened in the same way", () => {
    freshControl();
    expect(short("", "handler")).toBe("handler");
    expect(short("", "handler.part.0")).toBe("handler.part.0");
    expect(short("", "a\nb\x7f|\x01")).toBe("a?b?|?");
    expect(short("", "<<<((")).toBe("<<<((");
    expect(short("", "operator")).toBe("operator");
    expect(short("", "")).toBe("");
  });
});

describe("a name of any bytes and length", () => {
  test("is truncated to its space", () => {
    freshControl();
    expect(short("abcdef()", "_Zx", 3)).toBe("abc");
    expect(short("int abcdef()", "_Zx", 3)).toBe("abc");
    expect(short("abc()", "_Zx", 0)).toBe("");
    memory.fill(input, 0x61, QUESTION_MAX);
    expect(shortenName(u64.MAX_VALUE, u64.MAX_VALUE, u32.MAX_VALUE)).toBe(ANSWER_MAX);
    expect(shortenName(0, u64.MAX_VALUE, 10)).toBe(10);
    memory.fill(input, 0x3c, QUESTION_MAX);
    expect(shortenName(QUESTION_MAX, 0, 255)).toBe(5);
    expect(mangledKind(u64.MAX_VALUE)).toBe(MANGLED_OWN);
  });

  test("becomes printable text, and never longer", () => {
    freshControl();
    const random = new Random(seed());
    const alphabet = "_ZNKSt3foo9E_IiEvT0clv<>(){}[] &operator.-\n\x7f\0";
    for (let i = 0; i < 20000; ++i) {
      const size = random.below(i % 100 ? 60 : 3000);
      for (let k: u32 = 0; k < size; ++k) store<u8>(input + k, <u8>alphabet.charCodeAt(random.below(alphabet.length)));
      const whole = random.below(size + 1);
      const most = random.below(100);
      const text = answered(shortenName(whole, size - whole, most));
      assert(<u32>text.length <= most);
      for (let k = 0; k < text.length; ++k) assert(text.charCodeAt(k) >= 0x20 && text.charCodeAt(k) < 0x7f);
      mangledKind(size);
    }
  });
});
