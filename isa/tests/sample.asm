.module sample
.registers 12
.result (fn [Int] {k (module 1 second)} (rest Any) (result (of Array Int)))
.intent "says \"hello\"\n"
.examples [(gene `f {a 1} [2 3]) #(gene nil {} [])]
.fields 3
.const k0 `name
.const k1 -9223372036854775808
.const k2 1.5
.const k3 inf
.const k4 -0.0
.const k5 "text; \u{1b} \\ 'x' é"
.const k6 '\n'
.const k7 '\''
.const k8 [nil void not_found true false #[] []]
.const k9 {a 1 "b c" #{}}
.const k10 (hash_map 1 2 "x" #(hash_map ))
.const k11 (path a "" "...")
.const k12 (selector "x y" 0)
.const k13 (quote (unquote (discard `x)))
.const k14 (bytes 00ff7a)
.const k15 (bytes )
.const k16 (date 2024 2 29)
.const k17 (time 8 30 5 999999 -90 "Europe/Berlin" false)
.const k18 (date_time (date 2026 3 9) (time 0 0 0 0 nil nil true))
.const k19 (regex "a\\d+" true false "b")
.const k20 (regex "" false true nil)
.const k21 1e300
.cache c0 name
.cache c1 ==
.keys s0 a b c
.keys s1
.call d0 push {k ...} [_ ...]
.call d1 {"..."} []
.check t0 variable x (register r6 T)
.check t1 return f (| Int Nil)
.env e0 caller 1 2 (x 0 0) (y 1 3 let : Int)
.env e1
.scopes r4 r5
.handler L0 L1 L5 r6 1
.handler L0 L5 L5 r6 0
.code
L0:
   0  new_scope       r4 closure 1
   1  set_scope       r2 r4 0
   2  closure         r6 r4 p0               ; "in side"
   3  call_x          r6 1 d0                ; method, push {k ...} [_ ...]
   4  call_x          r6 0 d1                ; function, {"..."} []
   5  get_prop_var    r6 r2 r3
   6  ext             c0                     ; name
L1:
   7  iter_init       r6 r2 0 L2
   8  call_with_self  r10 0
   9  iter_wrap       r6 0
L2:
  10  iter_next       r6 2 L3
  11  call_with_self  r10 0
  12  iter_step       r6 0 L3
  13  load_int        r2 -70000
  14  add_i           r2 r2 -3
  15  loop            L2
L3:
  16  new_map         r6 r9 s0               ; a b c
  17  new_gene        r6 r7 1 s0             ; a b c
  18  check_set       r6 k0                  ; `name
  19  intrinsic       r6 Range 3
  20  load_special    r6 unset
  21  eval            r6 r4 e0
  22  check_type      r6 t0                  ; (register r6 T)
  23  get_module      r6 m1
  24  jump_lt_i       r6 -5 L4
  25  load_const      r6 k5                  ; "text; \u{1b} \\ 'x' é"
L4:
  26  return_scoped   r6
L5:
  27  drop_scope      r4
  28  return          r6
  .generator "in side"
  .registers 9
  .param a : Int
  .param b optional field : (| A B)
  .rest 1 items : Any
  .keyword k optional
  .keywords more
  .code
     0  yield           r2 r2
     1  call            r2 1
     2  take_result     r2
     3  finish          r2
    .function
    .registers 2
    .code
       0  return          r0
    .end
  .end
.end
