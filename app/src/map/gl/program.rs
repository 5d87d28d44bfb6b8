//! Programs, buffers and their attributes.

use std::collections::HashMap;
use web_sys::{
    WebGl2RenderingContext as Gl, WebGlBuffer, WebGlProgram, WebGlUniformLocation, WebGlVertexArrayObject,
};

/// A linked program and where its uniforms are.
pub struct Program {
    program: WebGlProgram,
    uniforms: HashMap<&'static str, WebGlUniformLocation>,
}

impl Program {
    pub fn new(gl: &Gl, vertex: &[&str], fragment: &str, uniforms: &[&'static str]) -> Result<Self, String> {
        let program = gl.create_program().ok_or("no program")?;
        for (kind, source) in
            [(Gl::VERTEX_SHADER, vertex.concat()), (Gl::FRAGMENT_SHADER, fragment.to_owned())]
        {
            let shader = gl.create_shader(kind).ok_or("no shader")?;
            gl.shader_source(&shader, &source);
            gl.compile_shader(&shader);
            gl.attach_shader(&program, &shader);
            if !gl.get_shader_parameter(&shader, Gl::COMPILE_STATUS).is_truthy() {
                return Err(gl.get_shader_info_log(&shader).unwrap_or_default());
            }
            gl.delete_shader(Some(&shader));
        }
        gl.link_program(&program);
        if !gl.get_program_parameter(&program, Gl::LINK_STATUS).is_truthy() {
            return Err(gl.get_program_info_log(&program).unwrap_or_default());
        }
        let uniforms = uniforms
            .iter()
            .filter_map(|name| Some((*name, gl.get_uniform_location(&program, name)?)))
            .collect();
        Ok(Self { program, uniforms })
    }

    pub fn enter(&self, gl: &Gl) {
        gl.use_program(Some(&self.program));
    }

    pub fn at(&self, name: &str) -> Option<&WebGlUniformLocation> {
        self.uniforms.get(name)
    }
}

/// One attribute of an interleaved buffer.
pub struct Attribute {
    pub size: i32,
    pub kind: u32,
    pub normal: bool,
    pub offset: i32,
}

impl Attribute {
    pub const fn floats(size: i32, offset: i32) -> Self {
        Self { size, kind: Gl::FLOAT, normal: false, offset }
    }

    pub const fn bytes(size: i32, kind: u32, normal: bool, offset: i32) -> Self {
        Self { size, kind, normal, offset }
    }
}

/// A buffer with its attributes, drawn whole or in part.
pub struct Stream {
    buffer: WebGlBuffer,
    array: WebGlVertexArrayObject,
    /// Bytes that the buffer has room for.
    room: usize,
}

impl Stream {
    pub fn new(gl: &Gl, stride: i32, instanced: bool, attributes: &[Attribute]) -> Result<Self, String> {
        let buffer = gl.create_buffer().ok_or("no buffer")?;
        let array = gl.create_vertex_array().ok_or("no vertex array")?;
        gl.bind_vertex_array(Some(&array));
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&buffer));
        for (index, a) in (0u32..).zip(attributes) {
            gl.enable_vertex_attrib_array(index);
            gl.vertex_attrib_pointer_with_i32(index, a.size, a.kind, a.normal, stride, a.offset);
            gl.vertex_attrib_divisor(index, u32::from(instanced));
        }
        gl.bind_vertex_array(None);
        Ok(Self { buffer, array, room: 0 })
    }

    pub fn enter(&self, gl: &Gl) {
        gl.bind_vertex_array(Some(&self.array));
    }

    /// Makes room for `bytes`; true where the old content is gone.
    pub fn reserve(&mut self, gl: &Gl, bytes: usize) -> bool {
        if bytes <= self.room {
            return false;
        }
        self.room = bytes.next_power_of_two();
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&self.buffer));
        gl.buffer_data_with_i32(
            Gl::ARRAY_BUFFER,
            i32::try_from(self.room).unwrap_or(i32::MAX),
            Gl::DYNAMIC_DRAW,
        );
        true
    }

    pub fn write(&self, gl: &Gl, offset: usize, bytes: &[u8]) {
        gl.bind_buffer(Gl::ARRAY_BUFFER, Some(&self.buffer));
        let offset = i32::try_from(offset).unwrap_or(i32::MAX);
        gl.buffer_sub_data_with_i32_and_u8_array(Gl::ARRAY_BUFFER, offset, bytes);
    }

    /// Replaces everything.
    pub fn fill(&mut self, gl: &Gl, bytes: &[u8]) {
        self.reserve(gl, bytes.len());
        self.write(gl, 0, bytes);
    }
}
