"""Writes the files of this folder, one for each form of ONNX files. Usage: make.py FOLDER (needs onnx and numpy)."""

import os
import sys

import numpy as np
import onnx
from onnx import helper as h, TensorProto as T, numpy_helper as nh
out=sys.argv[1]; os.makedirs(out,exist_ok=True)
V=lambda n,s,t=T.FLOAT: h.make_tensor_value_info(n,t,s)
def save(name,g,opset=17,ir=8,functions=(),extra=()):
    m=h.make_model(g,opset_imports=[h.make_opsetid("",opset)]+[h.make_opsetid(d,1) for d in extra],functions=list(functions),ir_version=ir)
    m.producer_name=""
    open(f"{out}/{name}.onnx","wb").write(m.SerializeToString())
# half
w=nh.from_array(np.array([0.5,-2,65504],np.float16),"w")
save("half",h.make_graph([h.make_node("Cast",["x"],["h"],to=T.FLOAT16),h.make_node("Mul",["h","w"],["m"]),h.make_node("Cast",["m"],["y"],to=T.FLOAT)],"g",[V("x",[3])],[V("y",[3])],[w]))
save("half_input",h.make_graph([h.make_node("Mul",["x","w"],["y"])],"g",[V("x",[3],T.FLOAT16)],[V("y",[3],T.FLOAT16)],[w]))
b=h.make_tensor("w",T.BFLOAT16,[2],[1.5,-3.0])
save("bfloat16",h.make_graph([h.make_node("Cast",["w"],["f"],to=T.FLOAT),h.make_node("Mul",["x","f"],["y"])],"g",[V("x",[2])],[V("y",[2])],[b]))
# functions
def attr_ref(name,ref,kind):
    a=onnx.AttributeProto(); a.name=name; a.ref_attr_name=ref; a.type=kind; return a
scale=h.make_node("LeakyRelu",["a"],["s"]); scale.attribute.append(attr_ref("alpha","slope",onnx.AttributeProto.FLOAT))
inner=h.make_function("local","Leak",["a"],["s"],[scale],[h.make_opsetid("",17)],attributes=[],attribute_protos=[h.make_attribute("slope",0.25)])
call=h.make_node("Leak",["p"],["q"],domain="local"); call.attribute.append(attr_ref("slope","steep",onnx.AttributeProto.FLOAT))
outer=h.make_function("local","Twice",["p","r"],["t"],[call,h.make_node("Leak",["q"],["u"],domain="local"),h.make_node("Constant",[],["k"],value=nh.from_array(np.float32(3))),h.make_node("Mul",["u","k"],["t"])],[h.make_opsetid("",17),h.make_opsetid("local",1)],attributes=["steep"])
save("function",h.make_graph([h.make_node("Twice",["x"],["h"],domain="local",steep=0.5),h.make_node("Twice",["h"],["y"],domain="local",steep=0.125)],"g",[V("x",[2])],[V("y",[2])]),functions=[inner,outer],extra=["local"])
rec=h.make_function("local","Again",["a"],["b"],[h.make_node("Again",["a"],["b"],domain="local")],[h.make_opsetid("",17),h.make_opsetid("local",1)])
save("function_recursive",h.make_graph([h.make_node("Again",["x"],["y"],domain="local")],"g",[V("x",[2])],[V("y",[2])]),functions=[rec],extra=["local"])
fs=[]
for i in range(28):
    body=[h.make_node(f"F{i+1}",["a"],["b"],domain="l"),h.make_node(f"F{i+1}",["b"],["c"],domain="l")] if i<27 else [h.make_node("Relu",["a"],["b"]),h.make_node("Relu",["b"],["c"])]
    fs.append(h.make_function("l",f"F{i}",["a"],["c"],body,[h.make_opsetid("",17),h.make_opsetid("l",1)]))
save("function_bomb",h.make_graph([h.make_node("F0",["x"],["y"],domain="l")],"g",[V("x",[2])],[V("y",[2])]),functions=fs,extra=["l"])
# branches
def branches(cond_nodes,inputs,inits=()):
    then=h.make_graph([h.make_node("Mul",["x","two"],["a"])],"t",[],[V("a",None)],[nh.from_array(np.float32(2),"two")])
    other=h.make_graph([h.make_node("Identity",["x"],["b"])],"e",[],[V("b",None)])
    return h.make_graph(cond_nodes+[h.make_node("If",["c"],["h"],then_branch=then,else_branch=other),h.make_node("Neg",["h"],["y"])],"g",inputs,[V("y",[2])],list(inits))
save("if_constant",branches([],[V("x",[2])],[nh.from_array(np.array(True),"c")]))
save("if_input",branches([h.make_node("Cast",["rate"],["c"],to=T.BOOL)],[V("x",[2]),V("rate",[],T.INT64)]))
save("if_shape",branches([h.make_node("Shape",["x"],["s"]),h.make_node("Sub",["s","one"],["d"]),h.make_node("Squeeze",["d"],["q"]),h.make_node("Cast",["q"],["c"],to=T.BOOL)],[V("x",["n"])],[nh.from_array(np.array([1]),"one")]))
def nest(n):
    if n==0: return h.make_graph([h.make_node("Relu",["x"],["z0"])],"b",[],[V("z0",None)])
    g=nest(n-1)
    return h.make_graph([h.make_node("If",["c"],[f"z{n}"],then_branch=g,else_branch=h.make_graph([h.make_node("Neg",["x"],[f"e{n}"])],"e",[],[V(f"e{n}",None)]))],"b",[],[V(f"z{n}",None)])
for n,name in ((6,"if_nested"),):
    g=nest(n)
    save(name,h.make_graph([*g.node,h.make_node("Identity",[f"z{n}"],["y"])],"g",[V("x",[2])],[V("y",[2])],[nh.from_array(np.array(True),"c")]))
# external
def ext(location,offset=None,length=None):
    t=T(); t.name="w"; t.data_type=T.FLOAT; t.dims.append(2); t.data_location=T.EXTERNAL
    for k,v in (("location",location),("offset",offset),("length",length)):
        if v is not None:
            e=t.external_data.add(); e.key=k; e.value=str(v)
    return t
for name,t in (("external",ext("external.bin",4,8)),("external_outside",ext("../external.bin",0,8)),("external_absolute",ext("/etc/passwd",0,8)),("external_short",ext("external.bin",8,8)),("external_huge",ext("external.bin",0,1<<62)),("external_link",ext("link.bin",0,8))):
    save(name,h.make_graph([h.make_node("Mul",["x","w"],["y"])],"g",[V("x",[2])],[V("y",[2])],[t]))
open(f"{out}/external.bin","wb").write(np.array([9,0.5,4],np.float32).tobytes())
# old operator sets
n=lambda *a,**k: h.make_node(*a,**k)
c=lambda name,a: nh.from_array(np.array(a,np.float32),name)
save("opset6",h.make_graph([n("Conv",["x","w"],["a"],kernel_shape=[1,1]),n("BatchNormalization",["a","s","b","m","v"],["d"],is_test=1,consumed_inputs=[0,0,0,1,1],epsilon=1e-5),n("Add",["d","k"],["e"],broadcast=1,axis=1),n("PRelu",["e","p"],["f"]),n("Mul",["f","f"],["g2"]),n("Clip",["g2"],["i"],max=4.0),n("Dropout",["i"],["j"],is_test=1,ratio=0.5),n("Flatten",["j"],["l"]),n("Gemm",["l","r","t"],["y"],broadcast=1)],"g",[V("x",[1,2,2,2])],[V("y",[1,2])],
 [c("w",np.arange(6).reshape(3,2,1,1)/3-0.7),c("s",[1,2,3]),c("b",[0,.5,-.5]),c("m",[.1,.2,.3]),c("v",[1,2,.5]),c("k",[.5,-1,2]),c("p",[.25,.5,.125]),c("r",np.linspace(-1,1,24).reshape(12,2)),c("t",[.5,-.5])]),6,3)
save("opset1",h.make_graph([n("Reshape",["x"],["a"],shape=[2,-1]),n("Pad",["a"],["b"],paddings=[0,1,0,0],value=1.0),n("Cast",["b"],["d"],to="DOUBLE"),n("Cast",["d"],["e"],to="FLOAT16"),n("Concat",["e","e"],["f"]),n("Mul",["f","two"],["g"],broadcast=1),n("Div",["g","r"],["y"],broadcast=1,axis=0)],"g",[V("x",[6])],[V("y",[2,8])],[c("two",[2]),c("r",[2,4])]),1,3)
# many things at once
save("several",h.make_graph([n("Frobnicate",["x"],["a"]),n("Frobnicate",["a"],["b"]),n("Twist",["b"],["d"],domain="com.example"),n("StringNormalizer",["s"],["q"]),n("Add",["d","x"],["y"])],"g",[V("x",[2]),V("s",[2],T.STRING)],[V("y",[2])],[h.make_tensor("t",T.STRING,[1],[b"a"])]),extra=["com.example"])
# integers of less than a byte; expected numbers are ONNX Runtime's
def narrow(name,kind,shape,values): return h.make_tensor(name,kind,shape,values)
f=lambda name,a: nh.from_array(np.array(a,np.float32),name)
save("int4",h.make_graph([n("DequantizeLinear",["q","s","z"],["w"],axis=1),n("MatMul",["x","w"],["y"])],"g",[V("x",[1,3])],[V("y",[1,3])],
 [narrow("q",T.INT4,[3,3],[-8,7,1,-1,0,3,2,-5,6]),f("s",[0.5,0.25,2]),narrow("z",T.INT4,[3],[0,-1,2])]),21,10)
save("uint4_blocks",h.make_graph([n("DequantizeLinear",["q","s"],["w"],axis=0,block_size=2),n("MatMul",["x","w"],["y"])],"g",[V("x",[1,4])],[V("y",[1,2])],
 [narrow("q",T.UINT4,[4,2],[15,0,1,2,3,4,5,6]),f("s",[[0.5,0.25],[2,1]])]),21,10)
save("to_int4",h.make_graph([n("QuantizeLinear",["x","s","z"],["q"],axis=0),n("DequantizeLinear",["q","s","z"],["y"],axis=0)],"g",[V("x",[6])],[V("y",[6])],
 [f("s",[0.5]*3+[0.25]*3),narrow("z",T.INT4,[6],[0,0,1,1,-2,-2])]),21,10)
save("int4_elsewhere",h.make_graph([n("Gather",["q","i"],["e"]),n("Cast",["e"],["f"],to=T.FLOAT),n("Add",["x","f"],["y"])],"g",[V("x",[2])],[V("y",[2])],
 [narrow("q",T.INT4,[3],[1,2,3]),nh.from_array(np.array([0,2]),"i")]),21,10)
short=narrow("q",T.INT4,[3,3],[1]*9); short.raw_data=b"\x11"*4; del short.int32_data[:]
save("int4_short",h.make_graph([n("DequantizeLinear",["q","s"],["w"]),n("MatMul",["x","w"],["y"])],"g",[V("x",[1,3])],[V("y",[1,3])],[short,f("s",0.5)]),21,10)
def nbits(name,bits,block,zero_points,scales,bias=False,k=6):
    columns=2; blocks=-(-k//block); rng=np.random.RandomState(bits)
    packed=rng.randint(0,256,(columns,blocks,-(-block*bits//8))).astype(np.uint8)
    inputs=["x","b","s"]+(["z"] if zero_points is not None else ([""] if bias else []))+(["","bias"] if bias else [])
    constants=[nh.from_array(packed,"b"),f("s",scales)]+([nh.from_array(zero_points,"z")] if zero_points is not None else [])+([f("bias",[10,-10])] if bias else [])
    save(name,h.make_graph([n("MatMulNBits",inputs,["y"],domain="com.microsoft",K=k,N=columns,bits=bits,block_size=block)],"g",[V("x",[2,k])],[V("y",[2,columns])],constants),21,10,extra=["com.microsoft"])
nbits("nbits4",4,16,None,[0.5,-0.25])
nbits("nbits4_zero_points",4,16,np.array([3,12],np.uint8),[0.5,0.25],True)
# blocks of which the last is not whole, and three zero points in bytes of two or four
six=[0.5,0.25,1,0.125,2,0.75]
nbits("nbits2_blocks",2,16,np.array([0b100100,0b011011],np.uint8),six,k=40)
nbits("nbits4_blocks",4,16,np.array([[0x73,0x0c],[0x19,0x05]],np.uint8),six,k=40)
nbits("nbits4_float_zero_points",4,16,np.array([8,7.5,3,2.25,9,1],np.float32),six,k=40)
nbits("nbits8",8,16,np.array([100,200,3,4,5,255],np.uint8),six,k=40)
